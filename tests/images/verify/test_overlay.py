"""Layers upon each other, as the specification says, with every way of hiding something."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bindery.images.verify.entries import Oddity, TarEntry
from bindery.images.verify.overlay import Overlay

FOLDER = TarEntry(kind="folder", mode=0o755)
Entries = list[tuple[str, TarEntry]]


def file(text: str = "", mode: int = 0o644) -> TarEntry:
    return TarEntry(kind="file", mode=mode, sha256=text.encode(), size_bytes=len(text))


def link(target: str) -> TarEntry:
    return TarEntry(kind="link", mode=0o777, target=target)


def hard(target: str, mode: int = 0o644) -> TarEntry:
    return TarEntry(kind="hardlink", mode=mode, target=target)


def lay(*layers: Entries) -> Overlay:
    overlay = Overlay()
    for number, entries in enumerate(layers):
        overlay.lay(number, entries)
    return overlay


def shown(overlay: Overlay) -> dict[str, int]:
    """Return which layer each path comes from."""
    return {path: placed.layer for path, placed in sorted(overlay.paths.items())}


LOWER: Entries = [("a", FOLDER), ("a/one", file("1")), ("a/two", file("2")), ("a/b", FOLDER), ("a/b/c", file("3"))]


def test_a_later_layer_replaces_and_adds() -> None:
    overlay = lay(LOWER, [("a/one", file("new")), ("d/e", file())])
    assert shown(overlay) == {"a": 0, "a/b": 0, "a/b/c": 0, "a/one": 1, "a/two": 0, "d": 1, "d/e": 1}
    assert overlay.paths["d"].implied
    assert not overlay.oddities


def test_whiteouts_hide_files_and_folders_with_what_is_in_them() -> None:
    overlay = lay(LOWER, [("a/.wh.one", file()), ("a/.wh.b", file())])
    assert shown(overlay) == {"a": 0, "a/two": 0}
    assert overlay.removed == {"a/one": 1, "a/b": 1, "a/b/c": 1}
    assert overlay.layer_of("a/b/c") == 1
    assert overlay.layer_of("a/two") == -1


def test_a_whiteout_of_nothing_does_nothing() -> None:
    assert shown(lay(LOWER, [("a/.wh.nothing", file()), ("nowhere/.wh.nothing", file())])) == shown(lay(LOWER))


@pytest.mark.parametrize("order", [0, 1])
def test_whiteouts_spare_what_the_same_layer_has_in_any_order(order: int) -> None:
    upper: Entries = [("a/one", file("new")), ("a/.wh.one", file())]
    overlay = lay(LOWER, upper[::-1] if order else upper)
    assert overlay.paths["a/one"].entry == file("new")
    opaque: Entries = [("a/b/d", file("new")), ("a/.wh..wh..opq", file())]
    overlay = lay(LOWER, opaque[::-1] if order else opaque)
    assert shown(overlay) == {"a": 0, "a/b": 1 if order else 0, "a/b/d": 1}


def test_an_opaque_root_hides_everything() -> None:
    assert shown(lay(LOWER, [(".wh..wh..opq", file()), ("new", file())])) == {"new": 1}


def test_what_was_hidden_can_come_back() -> None:
    overlay = lay(LOWER, [("a/.wh.one", file())], [("a/one", file("again"))])
    assert overlay.paths["a/one"].layer == 2
    assert overlay.removed == {}


def test_a_file_in_the_place_of_a_folder_takes_its_content_away() -> None:
    overlay = lay(LOWER, [("a/b", file("now a file"))])
    assert shown(overlay) == {"a": 0, "a/b": 1, "a/one": 0, "a/two": 0}
    assert overlay.layer_of("a/b/c") == 1


def test_a_folder_named_again_keeps_its_content() -> None:
    overlay = lay(LOWER, [("a", TarEntry(kind="folder", mode=0o700))])
    assert overlay.paths["a"].entry.mode == 0o700
    assert shown(overlay) == {**shown(lay(LOWER)), "a": 1}


def test_hard_links_have_the_content_of_their_target_in_any_layer() -> None:
    overlay = lay([*LOWER, ("here", hard("a/one"))], [("there", hard("a/two"))])
    assert overlay.paths["here"].entry == file("1")
    assert overlay.paths["there"].entry == file("2")
    assert not overlay.oddities


def test_in_a_flat_layer_whiteouts_are_files() -> None:
    overlay = Overlay()
    overlay.lay(0, [("a/.wh.one", file()), ("a/.wh..wh..opq", file())], is_flat=True)
    assert shown(overlay) == {"a": 0, "a/.wh..wh..opq": 0, "a/.wh.one": 0}


@pytest.mark.parametrize(
    ("entries", "path", "detail"),
    [
        ([("a/one", file("x")), ("a/one", file("x"))], "a/one", "is in the layer twice"),
        ([("a/b", FOLDER), ("a/b", file())], "a/b", "is in the layer twice"),
        (
            [("l", link("a")), ("l/one", file())],
            "l/one",
            "goes through l, a link to a: who unpacks it decides where it lands",
        ),
        ([("a/one/in", file())], "a/one/in", "goes through a/one: who unpacks it decides where it lands"),
        ([("h", hard("nothing"))], "h", "is a hard link to nothing, which is not there"),
        ([("h", hard("a"))], "h", "is a hard link to a, which is a folder"),
        (
            [("h", hard("a/one", 0o4755))],
            "h",
            "is a hard link to a/one, with another mode, owner or attribute",
        ),
        ([(".wh..wh.plnk", FOLDER)], ".wh..wh.plnk", "is a whiteout that programs read differently"),
        ([("a/.wh...", file())], "a/.wh...", "is a whiteout that programs read differently"),
        ([("a/.wh.", file())], "a/.wh.", "is a whiteout that programs read differently"),
    ],
)
def test_oddities(entries: Entries, path: str, detail: str) -> None:
    assert lay(LOWER, entries).oddities == [(1, Oddity(path=path, detail=detail))]


NAMES = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=3).map("/".join)
LAYERS = st.lists(st.lists(st.tuples(NAMES, st.sampled_from([FOLDER, file("1"), link("x")])), max_size=6), max_size=4)


@given(LAYERS)
def test_whatever_is_there_lies_in_folders_or_is_odd(layers: list[Entries]) -> None:
    overlay = lay(*layers)
    for path in overlay.paths:
        folder = path.rpartition("/")[0]
        if folder and overlay.paths[folder].entry.kind != "folder":
            assert any(one.path.startswith(f"{folder}/") or one.path == folder for _, one in overlay.oddities)
    assert not overlay.paths.keys() & overlay.removed.keys()
