"""Layers with every corner that flattening has: what each case consists of, and the tree that it makes."""

from __future__ import annotations

import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.sif.layers import device, entry, file, folder, hard, link, pipe, tar

if TYPE_CHECKING:
    from collections.abc import Mapping

LONG = "long/" + "x" * 120 + "/" + "y" * 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """Layers, the lowest first, and what ``layers.shown`` says of them.

    ``in_engine`` is False where engines differ among themselves, or refuse.
    """

    layers: tuple[bytes, ...]
    tree: Mapping[str, str]
    in_engine: bool = True


CORPUS: Mapping[str, Case] = {
    "one layer": Case(
        layers=(tar(folder("a"), file("a/b", b"1"), link("a/c", "b"), file("d", b"2")),),
        tree={"a": "folder", "a/b": "1", "a/c": "-> b", "d": "2"},
    ),
    "a file replaced": Case(layers=(tar(file("a", b"1")), tar(file("a", b"2"))), tree={"a": "2"}),
    "a file removed": Case(layers=(tar(file("a", b"1"), file("b", b"2")), tar(file(".wh.a"))), tree={"b": "2"}),
    "a folder removed": Case(
        layers=(tar(folder("a"), folder("a/b"), file("a/b/c"), file("d")), tar(file(".wh.a"))), tree={"d": ""}
    ),
    "a folder inside of one removed": Case(
        layers=(tar(folder("a"), folder("a/b"), file("a/b/c")), tar(folder("a"), file("a/.wh.b"))), tree={"a": "folder"}
    ),
    "what was never there removed": Case(
        layers=(tar(file("a")), tar(file(".wh.x"), file("y/.wh.z"))), tree={"a": "", "y": "folder"}
    ),
    "a file removed and made again": Case(
        layers=(tar(file("a", b"1")), tar(file(".wh.a")), tar(file("a", b"3"))), tree={"a": "3"}
    ),
    "a folder removed and made again": Case(
        layers=(tar(folder("a"), file("a/b")), tar(file(".wh.a")), tar(folder("a"), file("a/c"))),
        tree={"a": "folder", "a/c": ""},
    ),
    "an opaque folder": Case(
        layers=(
            tar(folder("a"), file("a/b"), folder("a/c"), file("a/c/d")),
            tar(folder("a"), file("a/.wh..wh..opq"), file("a/e")),
        ),
        tree={"a": "folder", "a/e": ""},
    ),
    "an opaque folder, said last": Case(
        layers=(
            tar(folder("a"), file("a/b"), folder("a/c"), file("a/c/d")),
            tar(folder("a"), file("a/e"), folder("a/c"), file("a/c/f"), file("a/.wh..wh..opq")),
        ),
        tree={"a": "folder", "a/c": "folder", "a/c/f": "", "a/e": ""},
    ),
    "a file that becomes a folder": Case(
        layers=(tar(file("a", b"1")), tar(folder("a"), file("a/b", b"2"))), tree={"a": "folder", "a/b": "2"}
    ),
    "a folder that becomes a file": Case(
        layers=(tar(folder("a"), file("a/b", b"2")), tar(file("a", b"1"))), tree={"a": "1"}
    ),
    "a folder that becomes a link": Case(
        layers=(tar(folder("a"), file("a/b"), folder("c"), file("c/d")), tar(link("a", "c"))),
        tree={"a": "-> c", "c": "folder", "c/d": ""},
    ),
    "a link that becomes a folder": Case(
        layers=(tar(folder("c"), link("a", "c")), tar(folder("a"), file("a/b"))),
        tree={"a": "folder", "a/b": "", "c": "folder"},
    ),
    "a link that becomes a file": Case(
        layers=(tar(file("b", b"1"), link("a", "b")), tar(file("a", b"2"))), tree={"a": "2", "b": "1"}
    ),
    "a folder without an entry": Case(layers=(tar(file("a/b/c")),), tree={"a": "folder", "a/b": "folder", "a/b/c": ""}),
    "hard links": Case(
        layers=(tar(file("a", b"1"), hard("b", "a"), folder("c"), hard("c/d", "a")),),
        tree={"a": "1 = b c/d", "b": "1 = a c/d", "c": "folder", "c/d": "1 = a b"},
    ),
    "a hard link to a link": Case(
        layers=(tar(file("a", b"1"), link("b", "a"), hard("c", "b")),), tree={"a": "1", "b": "-> a", "c": "-> a"}
    ),
    "a hard-linked file replaced under one name": Case(
        layers=(tar(file("a", b"1"), hard("b", "a"), hard("c", "a")), tar(file("a", b"2"))),
        tree={"a": "2", "b": "1 = c", "c": "1 = b"},
    ),
    "a hard-linked file removed under its first name": Case(
        layers=(tar(file("a", b"1"), hard("b", "a")), tar(file(".wh.a"))), tree={"b": "1"}
    ),
    "a hard link to a lower layer": Case(
        layers=(tar(file("a", b"1")), tar(hard("b", "a"))), tree={"a": "1 = b", "b": "1 = a"}, in_engine=False
    ),
    "a hard link in an opaque folder to a lower layer": Case(
        layers=(
            tar(file("a", b"1"), folder("d"), file("d/x")),
            tar(folder("d"), hard("d/b", "a"), file("d/.wh..wh..opq")),
        ),
        tree={"a": "1 = d/b", "d": "folder", "d/b": "1 = a"},
        in_engine=False,
    ),
    "a link in a parent path": Case(
        layers=(tar(folder("usr"), folder("usr/lib"), link("lib", "usr/lib"), file("lib/a", b"1")),),
        tree={"lib": "-> usr/lib", "usr": "folder", "usr/lib": "folder", "usr/lib/a": "1"},
    ),
    "a link in a parent path, in a lower layer": Case(
        layers=(
            tar(folder("usr"), folder("usr/lib"), link("lib", "usr/lib"), file("usr/lib/b", b"0")),
            tar(file("lib/a", b"1"), hard("lib/c", "lib/a"), file("lib/.wh.b")),
        ),
        tree={
            "lib": "-> usr/lib",
            "usr": "folder",
            "usr/lib": "folder",
            "usr/lib/a": "1 = usr/lib/c",
            "usr/lib/c": "1 = usr/lib/a",
        },
        in_engine=False,
    ),
    "a link in a parent path that climbs": Case(
        layers=(
            tar(folder("a"), folder("b"), link("a/up", "../../../b"), link("far", "/b")),
            tar(file("a/up/x"), file("far/y")),
        ),
        tree={"a": "folder", "a/up": "-> ../../../b", "b": "folder", "b/x": "", "b/y": "", "far": "-> /b"},
        in_engine=False,
    ),
    "a link in a parent path to nothing": Case(
        layers=(tar(link("a", "b/./c"), file("a/d", b"1")),),
        tree={"a": "-> b/./c", "b": "folder", "b/c": "folder", "b/c/d": "1"},
        in_engine=False,
    ),
    "links that leave the image when they are followed outside": Case(
        layers=(tar(link("a", "/etc/passwd"), link("b", "c/../d")),), tree={"a": "-> /etc/passwd", "b": "-> c/../d"}
    ),
    "the same path twice": Case(
        layers=(tar(file("a", b"1"), file("a", b"2"), folder("b"), file("b/c"), file("b", b"3")),),
        tree={"a": "2", "b": "3"},
        in_engine=False,
    ),
    "names that are long": Case(
        layers=(tar(file(LONG, b"1"), link("link", LONG), hard("hard", LONG)),),
        tree={
            "hard": f"1 = {LONG}",
            "link": f"-> {LONG}",
            "long": "folder",
            LONG.rpartition("/")[0]: "folder",
            LONG: "1 = hard",
        },
    ),
    "names that are long, in GNU's way": Case(
        layers=(tar(file(LONG, b"1"), link("link", LONG), form=tarfile.GNU_FORMAT),),
        tree={"link": f"-> {LONG}", "long": "folder", LONG.rpartition("/")[0]: "folder", LONG: "1"},
    ),
    "names that are not ASCII": Case(
        layers=(tar(folder("Réunion"), file("Réunion/Ж", b"1"), file("a b\n'c\"", b"2")),),
        tree={"Réunion": "folder", "Réunion/Ж": "1", "a b\n'c\"": "2"},
    ),
    "names that begin with a dot": Case(
        layers=(tar(folder("./"), folder("./a"), file("./a/.b", b"1"), file("./c//d", b"2")),),
        tree={"a": "folder", "a/.b": "1", "c": "folder", "c/d": "2"},
    ),
    "an old archive": Case(
        layers=(tar((entry("a/", b"\0"), b""), (entry("a/b", b"\0", size=1), b"1"), form=tarfile.USTAR_FORMAT),),
        tree={"a": "folder", "a/b": "1"},
        in_engine=False,
    ),
    "a pipe": Case(layers=(tar(pipe("a")),), tree={"a": "pipe"}),
    "a device over a file": Case(
        layers=(tar(file("a", b"1"), file("b", b"2")), tar(device("a"))), tree={"b": "2"}, in_engine=False
    ),
    "what aufs kept": Case(
        layers=(
            tar(
                folder(".wh..wh.plnk"),
                file(".wh..wh.plnk/1.2", b"1"),
                file(".wh..wh.aufs"),
                hard("a", ".wh..wh.plnk/1.2"),
            ),
        ),
        tree={"a": "1"},
        in_engine=False,
    ),
    "empty": Case(layers=(tar(), tar(folder("./"))), tree={}, in_engine=False),
}
