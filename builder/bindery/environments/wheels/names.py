"""What PyPI and conda-forge call the same project; read in both directions, so written once."""

from __future__ import annotations

import re
from dataclasses import dataclass

from packaging.utils import canonicalize_name

# Only where conda-forge's name differs from PyPI's canonical one (lower case, hyphens).
_CONDA_NAMES = {
    "async-generator": "async_generator",
    "brotli": "brotli-python",
    "cf-xarray": "cf_xarray",
    "dask": "dask-core",
    "fastjsonschema": "python-fastjsonschema",
    "graphviz": "python-graphviz",
    "ipython-pygments-lexers": "ipython_pygments_lexers",
    "jupyter-client": "jupyter_client",
    "jupyter-core": "jupyter_core",
    "jupyter-events": "jupyter_events",
    "jupyter-server": "jupyter_server",
    "jupyter-server-terminals": "jupyter_server_terminals",
    "jupyterhub": "jupyterhub-base",
    "jupyterlab-pygments": "jupyterlab_pygments",
    "jupyterlab-server": "jupyterlab_server",
    "jupyterlab-widgets": "jupyterlab_widgets",
    "matplotlib": "matplotlib-base",
    "msgpack": "msgpack-python",
    "nbconvert": "nbconvert-core",
    "prometheus-client": "prometheus_client",
    "pure-eval": "pure_eval",
    "pyviz-comms": "pyviz_comms",
    "stack-data": "stack_data",
    "typing-extensions": "typing_extensions",
    "tzdata": "python-tzdata",
    "xgboost-cpu": "py-xgboost",
}
_PYPI_NAMES = {conda: pypi for pypi, conda in _CONDA_NAMES.items()}
_PYPI_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Metapackage:
    """A conda package without files: a wheel of the same version, its extras, and other conda packages."""

    name: str
    wheel: str
    extras: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


METAPACKAGES = (
    Metapackage(name="bleach-with-css", wheel="bleach", extras=("css",)),
    Metapackage(name="dask", wheel="dask", extras=("complete",)),
    Metapackage(name="jsonschema-with-format-nongpl", wheel="jsonschema", extras=("format-nongpl",)),
    Metapackage(name="jupyterhub-singleuser", wheel="jupyterhub", needs=("jupyterlab",)),
    Metapackage(name="matplotlib", wheel="matplotlib"),
    Metapackage(name="nbconvert", wheel="nbconvert"),
    Metapackage(name="typing-extensions", wheel="typing-extensions"),
    Metapackage(name="xgboost", wheel="xgboost-cpu"),  # PyPI's xgboost brings 300 MB that only NVIDIA's cards need
)

# What wheels need and their metadata does not say. conda-forge's recipes say it.
MISSING_NEEDS = {
    "batchspawner": ("jinja2", "jupyterhub-base"),  # it is imported by JupyterHub, and imports it
    "h5netcdf": ("h5py",),  # an extra there, but it is the only back end that reads local files
}

# conda packages that no wheel stands for: they come with the interpreter, or are C libraries.
_NO_WHEEL = frozenset({"python", "python_abi", "tzdata", "libstdcxx", "pip"})


def conda_name(pypi: str) -> str:
    """Return what conda-forge calls the project that PyPI knows by this name."""
    name = canonicalize_name(pypi)
    return _CONDA_NAMES.get(name, name)


def pypi_requirement(conda: str) -> str | None:
    """Return the project, with extras, that stands for a conda package; None if no wheel can."""
    for meta in METAPACKAGES:
        if meta.name == conda:
            return f"{meta.wheel}[{','.join(meta.extras)}]" if meta.extras else meta.wheel
    return pypi_name(conda)


def pypi_names(conda: str) -> tuple[str, ...]:
    """Return the projects of PyPI that are the conda package, or stand for it: usually one, none if no wheel can."""
    requirement, name = pypi_requirement(conda), pypi_name(conda)
    wheel = canonicalize_name(requirement.partition("[")[0]) if requirement else None
    return tuple(dict.fromkeys(filter(None, (name, wheel))))


def pypi_name(conda: str) -> str | None:
    """Return what PyPI calls the project that conda-forge knows by this name; None if it cannot be there."""
    if conda in _NO_WHEEL or not _PYPI_NAME.fullmatch(conda):
        return None
    return _PYPI_NAMES.get(conda) or canonicalize_name(conda)
