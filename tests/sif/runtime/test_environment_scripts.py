"""The variables of an image, as the script that Singularity reads: tried in a shell, with and without the host's."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from bindery.sif.environment_scripts import foreign_variables, our_variables, words

if TYPE_CHECKING:
    from collections.abc import Mapping

OURS = (
    "PATH=/home/jovyan/.local/bin:/srv/conda/envs/notebook/bin:/usr/bin:/bin",
    "LANG=en_US.UTF-8",
    "LC_ALL=en_US.UTF-8",
    "HOME=/home/jovyan",
    "USER=jovyan",
    "NB_USER=jovyan",
    "JUPYTERHUB_SERVICE_PREFIX=/",
    "GDAL_DATA=/srv/conda/envs/notebook/share/gdal",
    'QUOTED=it\'s "$HOME" `id` \\ \u00e9',
    "2BAD=1",
)
LINES = [
    "JUPYTERHUB_SERVICE_PREFIX",
    "JUPYTER_CONFIG_PATH",
    "JUPYTER_PREFER_ENV_PATH",
]


def sourced(script: str, host: Mapping[str, str]) -> dict[str, str]:
    """Return the variables after a shell with the host's variables has read the script."""
    done = subprocess.run(
        ["/bin/sh", "-c", f"{script}\nexec /usr/bin/env -0"], env=dict(host), capture_output=True, check=True
    )
    assert done.stderr == b""
    found = dict(one.split("=", 1) for one in done.stdout.decode().split("\0") if one)
    return {name: value for name, value in found.items() if name not in {"PWD", "_", "SHLVL", "OLDPWD"}}


def test_what_our_image_sets_is_set_whatever_the_host_has() -> None:
    host = {"GDAL_DATA": "/opt/gdal", "PATH": "/opt/bin", "QUOTED": "no", "HOME": "/home/me", "USER": "me"}
    assert sourced(our_variables(OURS), host) == {
        "PATH": "/srv/conda/envs/notebook/bin:/usr/bin:/bin",
        "LANG": "en_US.UTF-8",
        "LC_ALL": "en_US.UTF-8",
        "HOME": "/home/me",
        "USER": "me",
        "NB_USER": "jovyan",
        "JUPYTERHUB_SERVICE_PREFIX": "/",
        "GDAL_DATA": "/srv/conda/envs/notebook/share/gdal",
        "QUOTED": 'it\'s "$HOME" `id` \\ \u00e9',
        "JUPYTER_PREFER_ENV_PATH": "1",
        "JUPYTER_CONFIG_PATH": "/.singularity.d/bindery",
    }


def test_what_a_hub_and_the_host_say_of_themselves_is_kept() -> None:
    host = {"JUPYTERHUB_SERVICE_PREFIX": "/user/me/", "NB_USER": "me", "LANG": "C.UTF-8", "TZ": "Europe/Paris"}
    found = sourced(our_variables((*OURS, "TZ=UTC")), host)
    assert {name: found[name] for name in host} == host
    assert "LC_ALL" not in found


def test_a_part_of_a_locale_leaves_the_language_to_the_image() -> None:
    found = sourced(our_variables(("LANG=C.UTF-8",)), {})
    assert (found["LANG"], "LC_ALL" in found) == ("C.UTF-8", False)


def test_an_image_without_a_home_keeps_its_path() -> None:
    assert sourced(our_variables(("PATH=/bin:/x y",)), {})["PATH"] == "/bin:/x y"


def test_the_host_wins_over_any_other_image_but_for_path() -> None:
    host = {"GDAL_DATA": "/opt/gdal", "PATH": "/opt/bin", "HOME": "/home/me", "LANG": ""}
    found = sourced(foreign_variables(OURS), host)
    assert (found["GDAL_DATA"], found["HOME"], found["PATH"]) == ("/opt/gdal", "/home/me", OURS[0].partition("=")[2])
    assert (found["LANG"], found["QUOTED"]) == ("en_US.UTF-8", 'it\'s "$HOME" `id` \\ \u00e9')


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), min_size=1, max_size=4))
def test_words_are_what_a_shell_reads(given_words: list[str]) -> None:
    done = subprocess.run(["/bin/sh", "-c", f"printf '%s\\0' {words(given_words)}"], capture_output=True, check=True)
    assert done.stdout.decode().split("\0")[:-1] == given_words
