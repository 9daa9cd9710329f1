"""The variables of the image: the same for its entrypoint, ``docker exec``, the kernel and a Dask worker.

Names and values are those of repo2docker's template and of its conda buildpack, then Pangeo's, then what the
environment's own packages set when they are activated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bindery.images.buildpack.runtime_files import Place
    from bindery.images.buildpack.values import Identity

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LOCALE = "C.UTF-8"
"""The one UTF-8 locale that every glibc has; a base that sets another keeps it."""


def image_variables(
    base: Sequence[str], place: Place, identity: Identity, activated: Mapping[str, str], start: str | None
) -> dict[str, str]:
    """Return the variables that the image's configuration has beside the base's, or instead of them.

    ``base`` are the base's own, ``activated`` what the environment's packages set, ``start`` a path in the repository.
    """
    below = dict(one.partition("=")[::2] for one in base)
    path = ":".join(
        (
            f"{place.user.home}/.local/bin",
            f"{place.repository}/.local/bin",
            f"{place.prefix}/bin",
            below.get("PATH", SYSTEM_PATH),
        )
    )
    ours = {
        "PATH": ":".join(dict.fromkeys(path.split(":"))),
        "LANG": below.get("LANG", LOCALE),
        "LC_ALL": below.get("LC_ALL", below.get("LANG", LOCALE)),
        "SHELL": "/bin/bash",
        "USER": place.user.name,
        "NB_USER": place.user.name,
        "NB_UID": str(place.user.uid),
        "HOME": place.user.home,
        "APP_BASE": "/srv",
        "CONDA_DIR": place.conda,
        "NB_PYTHON_PREFIX": place.prefix,
        "KERNEL_PYTHON_PREFIX": place.prefix,
        "CONDA_PREFIX": place.prefix,
        "CONDA_DEFAULT_ENV": place.prefix,
        "REPO_DIR": place.repository,
        "PYTHONUNBUFFERED": "1",
        # Packages in a home that somebody mounts would come before the environment's.
        "PYTHONNOUSERSITE": "1",
        "DASK_ROOT_CONFIG": place.dask_config,
        # A hub sets it to /user/<name>/; Dask's link to its dashboard needs one elsewhere, too.
        "JUPYTERHUB_SERVICE_PREFIX": "/",
        "BINDERY_ENVIRONMENT": identity.environment,
        "BINDERY_PACKAGES": identity.packages,
        "BINDERY_LOCK": str(identity.lock_digest),
    }
    if identity.release:
        ours["BINDERY_RELEASE"] = identity.release
    if identity.withdrawn:
        ours["BINDERY_WITHDRAWN"] = identity.withdrawn
    if start is not None:
        ours["R2D_ENTRYPOINT"] = f"{place.repository}/{start}"
    return {**activated, **ours}
