"""What the processes of a run see of the machine: the environment under test, and nobody's settings or caches.

A verdict must not depend on who asks for it. So a notebook gets a home of its own, empty: no ``~/.config/dask``, no
matplotlib, IPython or Jupyter settings, no caches, no kernels. Other variables stay: proxies, credentials.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

INLINE = "module://matplotlib_inline.backend_inline"
_DROPPED = frozenset(
    {
        "COLUMNS",
        "FORCE_COLOR",
        "INPUTRC",
        "LINES",
        "MATPLOTLIBRC",
        "NO_COLOR",
        "PAGER",
        "XDG_CACHE_HOME",
        "XDG_CONFIG_HOME",
        "XDG_DATA_HOME",
        "XDG_RUNTIME_DIR",
        "XDG_STATE_HOME",
    }
)
_DROPPED_PREFIXES = ("IPYTHON", "JUPYTER", "JPY_", "MPL", "NUMBA_")


def seal_environ(environ: Mapping[str, str], home: Path, *, keep_dask: bool = False) -> dict[str, str]:
    """Return the variables with everything that leads to the user's settings and caches turned to ``home``.

    ``keep_dask`` keeps the caller's ``DASK_*`` variables: somebody else's scheduler may need them.
    """
    dropped = _DROPPED_PREFIXES if keep_dask else (*_DROPPED_PREFIXES, "DASK_")
    kept = {name: value for name, value in environ.items() if name not in _DROPPED and not name.startswith(dropped)}
    return {
        **kept,
        "HOME": str(home),
        "TMPDIR": str(home / "tmp"),
        "IPYTHONDIR": str(home / ".ipython"),
        "MPLCONFIGDIR": str(home / ".config" / "matplotlib"),
        "MPLBACKEND": INLINE,
    }


def make_home(home: Path) -> Path:
    """Make the folders that ``seal_environ`` names, and return the home."""
    for folder in (home / "tmp", home / ".ipython", home / ".config" / "matplotlib"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return home
