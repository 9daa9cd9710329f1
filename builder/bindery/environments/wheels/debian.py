"""Debian's changes to where Python looks for packages, taken back: in a prefix, site-packages is the only place.

Debian's ``site`` adds folders named dist-packages, and leaves out site-packages unless it runs in a virtual
environment. Its ``sysconfig`` and ``distutils`` install into ``local/lib/python3.X/dist-packages``. Each of them has
upstream's answer for virtual environments, so the mended files take that answer always.
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
# setuptools imports this one, if it is there, to learn Debian's folders.
LEFT_OUT = frozenset({"_distutils_system_mod.py"})


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
