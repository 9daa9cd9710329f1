"""Debian's changes to where Python looks for packages, taken back: in a prefix, site-packages is the only place.

Debian's ``site`` adds folders named dist-packages, and leaves out site-packages unless it runs in a virtual
environment. Its ``sysconfig`` and ``distutils`` install into ``local/lib/python3.X/dist-packages``. Each of them has
upstream's answer for virtual environments, so the mended files take that answer always.

Since Python 3.11 ``site`` is also frozen into the program, and that one is imported. It runs ``sitecustomize`` at its
end, which is where the mended one takes its place.
"""

from __future__ import annotations

from bindery.core import ToolFailed

_IN_VENV = b'sys.base_prefix != sys.prefix or hasattr(sys, "real_prefix")'
_MARK = b"dist-packages"

# Of each file: what is replaced by what. Each text stands in it exactly once.
_CHANGES = {
    "site.py": (
        (b"is_virtual_environment = " + _IN_VENV, b"is_virtual_environment = True"),
        (
            b"    return sitepackages\n",
            b'    return [path for path in sitepackages if path.endswith("site-packages")]\n',
        ),
    ),
    "distutils/sysconfig.py": ((b"    return " + _IN_VENV, b"    return True"),),
    "sysconfig.py": ((b"if " + _IN_VENV + b":", b"if True:"),),
}
SITECUSTOMIZE = b'''"""Put the site of this folder, which knows no dist-packages, in place of the one frozen in."""

import importlib.machinery
import importlib.util
import os
import sys


def _run(name, spec):
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)


_folder = os.path.dirname(os.path.abspath(__file__))
# The module that is being imported now stays where it is, so site does not start over.
_run("site", importlib.util.spec_from_file_location("site", os.path.join(_folder, "site.py")))
# Somebody's own sitecustomize, which this one would hide.
_spec = importlib.machinery.PathFinder.find_spec("sitecustomize", [path for path in sys.path if path != _folder])
if _spec is not None and _spec.loader is not None:
    _run("sitecustomize", _spec)
'''
# setuptools imports this one, if it is there, to learn Debian's folders.
LEFT_OUT = frozenset({"_distutils_system_mod.py"})


def is_changed(site: bytes) -> bool:
    """Tell whether this ``site.py`` is Debian's."""
    return _MARK in site.split(b"def getsitepackages(")[-1]


def mend_debian(name: str, data: bytes, where: str) -> bytes:
    """Return the module ``lib/python3.X/<name>`` without Debian's changes; any other file as it is.

    Raises:
        ToolFailed: it speaks of dist-packages in a way that is not known here.

    """
    changes = _CHANGES.get(name, ())
    if not changes or _MARK not in data:
        return data
    for old, new in changes:
        if data.count(old) != 1:
            raise ToolFailed(
                "has changes by the distribution that are not known here", where, "choose another: --python PATH"
            )
        data = data.replace(old, new)
    return data
