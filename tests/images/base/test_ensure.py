"""Which base a build stands on: the locked one, kept, made again, imported, or told why not."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from bindery.core import BadInput, NoProgress, Store, ToolFailed
from bindery.images import Image, open_layout, read_image, store_layout
from bindery.images.base import ensure_base, export_base, export_base_of, read_base_lock
from bindery.images.compression import COMPRESSORS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.images.base.conftest import Bench

pytestmark = pytest.mark.testbed
WAYS = "--update-base takes what there is now; --base oci:FOLDER takes the locked one from where it was kept"


def forget(bench: Bench) -> None:
    """Lose the store, as another machine never had it."""
    shutil.rmtree(bench.folder / "store")


def test_the_lock_says_what_was_made(bench: Bench) -> None:
    image = bench.ensure("debian:bookworm", apt=("vim", "gdb"))
    lock = read_base_lock(bench.lock, "linux-64")
    assert lock is not None
    assert (lock.reference, lock.origin, lock.requested) == ("debian:bookworm", "debian", ("gdb", "vim"))
    assert (lock.digest, lock.made_with) == (image.digest, f"mmdebstrap 1.3.5, format 1, {COMPRESSORS['gzip'].name}")
    assert [str(one) for one in lock.packages] == ["bash=5.2.15-2+b7=amd64", "git=1:2.39.5-0+deb12u2=amd64"]
    assert "invalid" not in bench.lock.read_text(encoding="utf-8")
    rehearsal, call = bench.calls
    assert ",gdb,vim --customize-hook=" in call
    assert rehearsal.replace("--simulate ", "") == call


def test_the_configuration_starts_a_shell_with_a_path(bench: Bench) -> None:
    config = bench.ensure().config
    assert (config.os, config.architecture, config.cmd) == ("linux", "amd64", ("bash",))
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    assert config.env == (f"PATH={path}", "LANG=en_US.UTF-8")


def test_a_base_is_made_once_for_a_store(bench: Bench) -> None:
    first = bench.ensure()
    text = bench.lock.read_bytes()
    bench.debian.versions["bash"] = "6"
    assert bench.ensure().digest == first.digest
    bench.lock.unlink()
    assert bench.ensure().digest == first.digest
    assert bench.lock.read_bytes() == text
    assert len(bench.calls) == 1


def test_a_base_that_is_lost_is_made_again_from_the_same_packages(bench: Bench) -> None:
    first = bench.ensure()
    forget(bench)
    assert bench.ensure().digest == first.digest
    assert len(bench.calls) == 2


def test_other_packages_are_named_with_both_ways_out(bench: Bench) -> None:
    first = bench.ensure()
    text = bench.lock.read_bytes()
    forget(bench)
    bench.debian.versions |= {"bash": "5.2.15-2+b8", "zstd": "1.5.4"}
    with pytest.raises(BadInput) as caught:
        bench.ensure()
    assert str(caught.value) == (
        f"{bench.lock}: locks {first.digest}, which is not in the store, and the mirror has other packages: "
        f"bash 5.2.15-2+b7 -> 5.2.15-2+b8, zstd is new -> 1.5.4\n  fix: {WAYS}"
    )
    assert bench.lock.read_bytes() == text
    updated = bench.ensure(update=True)
    lock = read_base_lock(bench.lock, "linux-64")
    assert lock is not None
    assert lock.digest == updated.digest != first.digest


def test_the_same_packages_with_other_bytes_are_told_apart(bench: Bench) -> None:
    first = bench.ensure()
    forget(bench)
    bench.debian.files["usr/bin/new"] = b"x"
    with pytest.raises(BadInput) as caught:
        bench.ensure()
    other = bench.ensure(update=True)
    assert str(caught.value) == (
        f"{bench.lock}: locks {first.digest}, which is not in the store, and mmdebstrap 1.3.5, format 1, "
        f"{COMPRESSORS['gzip'].name} made {other.digest} of the same packages\n  fix: {WAYS}"
    )


def test_update_replaces_the_lock_and_keeps_the_old_base(bench: Bench) -> None:
    first = bench.ensure()
    bench.debian.versions["bash"] = "6"
    second = bench.ensure(update=True)
    assert read_image(bench.layout, str(first.digest)).digest == first.digest != second.digest
    assert sorted(bench.layout.names()) == sorted(f"base:{one.digest.hex[:12]}" for one in (first, second))
    assert bench.ensure().digest == second.digest


def test_an_update_that_brings_nothing_new_leaves_the_file_alone(bench: Bench) -> None:
    first = bench.ensure()
    before = bench.lock.stat()
    assert bench.ensure(update=True).digest == first.digest
    assert bench.lock.stat() == before


def test_two_builds_at_once_make_one_base(bench: Bench) -> None:
    bench.debian.write(bench.folder / "debian.tgz")
    locks = [bench.folder / name / "base.lock" for name in ("one", "two")]
    store = Store(bench.folder / "store")

    def build(lock: Path) -> Image:
        layout = store_layout(store)
        return ensure_base(lock, None, update=False, layout=layout, store=store, progress=NoProgress())

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(build, locks)
    assert first.digest == second.digest
    assert locks[0].read_bytes() == locks[1].read_bytes()
    assert len(bench.calls) == 1


def test_another_request_needs_an_update(bench: Bench) -> None:
    bench.ensure("debian:bookworm")
    with pytest.raises(BadInput) as caught:
        bench.ensure("debian:trixie")
    assert str(caught.value) == (
        f"{bench.lock}: locks debian:bookworm, and debian:trixie is asked for\n  fix: add --update-base"
    )


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ((), ("vim",), ("no more packages", "vim")),
        (("vim", "gdb"), ("gdb",), ("gdb vim", "gdb")),
        (("vim",), (), ("vim", "no more packages")),
    ],
)
def test_another_apt_txt_needs_an_update(
    bench: Bench, before: tuple[str, ...], after: tuple[str, ...], words: tuple[str, str]
) -> None:
    bench.ensure(apt=before)
    with pytest.raises(BadInput) as caught:
        bench.ensure(apt=after)
    assert str(caught.value) == (
        f"{bench.lock}: locks a base with {words[0]}, and apt.txt asks for {words[1]}\n  fix: add --update-base"
    )


@pytest.mark.parametrize("place", ["kept", "kept.tar"])
def test_with_the_mirror_gone_a_kept_base_gives_the_same_digest(bench: Bench, place: str) -> None:
    first = bench.ensure()
    export_base(first, "debian:bookworm", bench.folder / place)
    forget(bench)
    (bench.folder / "programs" / "mmdebstrap").write_text("#!/bin/sh\nexit 25\n", encoding="utf-8")
    assert bench.ensure(f"oci:{bench.folder / place}").digest == first.digest
    assert bench.ensure().digest == first.digest


def test_an_exported_base_has_the_same_bytes_each_time(bench: Bench) -> None:
    image = bench.ensure()
    for name in ("one.tar", "two.tar"):
        export_base(image, "debian:bookworm", bench.folder / name)
    assert (bench.folder / "one.tar").read_bytes() == (bench.folder / "two.tar").read_bytes()
    assert sorted(one.name for one in bench.folder.iterdir() if one.name.startswith(".")) == []


def test_the_base_of_an_image_that_says_none_cannot_be_kept(bench: Bench) -> None:
    image = bench.ensure()
    with pytest.raises(BadInput) as caught:
        export_base_of(image, bench.folder / "kept.tar")
    assert str(caught.value) == f"{image.digest}: does not say on which base it stands"


def test_an_artifact_that_is_another_base_is_refused(bench: Bench) -> None:
    first = bench.ensure()
    bench.debian.versions["bash"] = "6"
    second = bench.ensure(update=True)
    export_base(first, "debian:bookworm", bench.folder / "kept")
    with pytest.raises(BadInput) as caught:
        bench.ensure(f"oci:{bench.folder / 'kept'}")
    assert str(caught.value) == (
        f"{bench.lock}: locks {second.digest}, and oci:{bench.folder / 'kept'} is {first.digest}\n"
        "  fix: add --update-base"
    )


def test_an_artifact_is_locked_by_its_name_with_its_packages(bench: Bench) -> None:
    export_base(bench.ensure(apt=("git",)), "debian:bookworm", bench.folder / "kept")
    bench.lock.unlink()
    bench.ensure(f"oci:{bench.folder / 'kept'}", apt=("git", "bash=5.2.15-2+b7"))
    lock = read_base_lock(bench.lock, "linux-64")
    assert lock is not None
    assert (lock.reference, lock.origin, lock.made_with) == ("debian:bookworm", "layout", "")
    assert [one.name for one in lock.packages] == ["bash", "git"]
    assert str(bench.folder) not in bench.lock.read_text(encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        bench.ensure(update=True, apt=("git",))
    assert str(caught.value) == (
        f"{bench.lock}: locks a base that was taken from a folder\n  fix: say which: --base oci:FOLDER"
    )
    forget(bench)
    with pytest.raises(BadInput) as caught:
        bench.ensure(apt=("git", "bash=5.2.15-2+b7"))
    assert str(caught.value) == f"{bench.lock}: locks {lock.digest}, which is not in the store\n  fix: {WAYS}"


def test_an_artifact_must_have_what_apt_txt_asks_for(bench: Bench) -> None:
    export_base(bench.ensure(), "debian:bookworm", bench.folder / "kept")
    bench.lock.unlink()
    with pytest.raises(BadInput) as caught:
        bench.ensure(f"oci:{bench.folder / 'kept'}", apt=("git", "vim", "bash=6"))
    assert str(caught.value) == (
        f"oci:{bench.folder / 'kept'}: lacks bash=6, vim, which apt.txt asks for\n"
        "  fix: use --base debian:bookworm, or --engine docker"
    )
    assert not bench.lock.exists()


def test_an_artifact_with_several_images_needs_a_name(bench: Bench) -> None:
    kept = bench.folder / "kept"
    first = bench.ensure()
    export_base(first, "one", kept)
    bench.debian.versions["bash"] = "6"
    export_base(bench.ensure(update=True), "two", kept)
    with pytest.raises(BadInput) as caught:
        bench.ensure(f"oci:{kept}", update=True)
    assert str(caught.value) == f"{kept}: has 2 images: one, two\n  fix: write oci:FOLDER:NAME"
    assert bench.ensure(f"oci:{kept}:one", update=True).digest == first.digest


def test_what_is_no_artifact_is_refused(bench: Bench) -> None:
    wrong = bench.folder / "wrong.tar"
    wrong.write_bytes(b"no tar" * 200)
    with pytest.raises(BadInput) as caught:
        bench.ensure(f"oci:{wrong}")
    assert str(caught.value).startswith(f"{wrong}: is not an OCI layout, nor a tar of one: ")
    with pytest.raises(BadInput) as caught:
        bench.ensure(f"oci:{bench.folder / 'nowhere'}")
    assert str(caught.value) == (f"{bench.folder / 'nowhere'}: is not an OCI layout: it lacks oci-layout or index.json")


def test_a_damaged_artifact_leaves_nothing(bench: Bench) -> None:
    kept = bench.folder / "kept"
    image = bench.ensure()
    export_base(image, "debian:bookworm", kept)
    forget(bench)
    blob = open_layout(kept).blob_path(image.manifest.layers[0].digest)
    blob.chmod(0o644)
    blob.write_bytes(blob.read_bytes()[:-1] + b"x")
    with pytest.raises(BadInput):
        bench.ensure(f"oci:{kept}")
    assert not bench.layout.has_blob(image.digest)
    assert not bench.layout.has_blob(image.manifest.layers[0].digest)


def test_a_base_whose_layer_is_gone_is_made_again(bench: Bench) -> None:
    image = bench.ensure()
    bench.layout.blob_path(image.manifest.layers[0].digest).unlink()
    assert bench.ensure().digest == image.digest
    assert bench.layout.has_blob(image.manifest.layers[0].digest)


def test_a_lock_whose_reference_does_not_fit_its_origin_is_refused(bench: Bench) -> None:
    image = bench.ensure()
    text = bench.lock.read_text(encoding="utf-8")
    forget(bench)
    bench.lock.write_text(text.replace('"debian:bookworm"', '"docker://h/n"'), encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        bench.ensure()
    assert str(caught.value) == f"{bench.lock}: the reference docker://h/n is no suite of Debian"
    bench.lock.write_text(text.replace('"origin": "debian"', '"origin": "registry"'), encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        bench.ensure()
    assert str(caught.value) == f"{bench.lock}: the reference debian:bookworm is in no registry"
    assert image.digest == bench.ensure(update=True).digest


def test_a_tool_that_fails_leaves_no_lock_and_no_folder(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    program = bench.folder / "programs" / "mmdebstrap"
    program.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && exit\nmkdir "$TMPDIR/root"\necho "E: dpkg died" >&2\nexit 25\n',
        encoding="utf-8",
    )
    with pytest.raises(ToolFailed) as caught:
        bench.ensure()
    assert str(caught.value) == "debian:bookworm: mmdebstrap could not make it\n  | E: dpkg died"
    assert not bench.lock.exists()
    assert list((tmp_path / "temporary").iterdir()) == []
