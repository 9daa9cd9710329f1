"""Builds that are killed, and builds of the same image at once, in processes of their own."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

from tests.images.small import Small, build_linked, fingerprint, write_linked

from bindery.core import Store, digest_file
from bindery.images import store_layout

ROOT = Path(__file__).parent.parent.parent
MOMENTS = 20
# Imports once, then forks: what is killed is a build, not the start of Python. The first child is not killed, and
# builds elsewhere, to learn how long it takes. The others build what is left of the store, from which blobs are taken.
KILLER = """
import os, random, signal, sys, time
from pathlib import Path
from bindery.core import Store
from tests.images.small import build_linked, write_linked
from tests.images.test_killed import many_files

def start(folder):
    child = os.fork()
    if child == 0:
        build_linked(linked, Store(folder))
        os._exit(0)
    return child

linked = write_linked(Path(sys.argv[1]) / "linked", many_files())
begun = time.monotonic()
os.waitpid(start(Path(sys.argv[1]) / "whole"), 0)
took_s = time.monotonic() - begun
source = random.Random()
killed = 0
for number in range(int(sys.argv[2])):
    child = start(Path(sys.argv[1]) / "store")
    time.sleep(source.uniform(0, took_s / 2))
    os.kill(child, signal.SIGKILL)
    killed += os.WIFSIGNALED(os.waitpid(child, 0)[1])
    for blob in (Path(sys.argv[1]) / "store/images/blobs/sha256").glob("*"):
        if source.random() < 0.7:
            blob.unlink()
print(killed)
"""


def many_files() -> dict[str, Small]:
    """Return files of 30 packages, 6 MB that hardly pack."""
    source = random.Random(1)  # noqa: S311 - the same every time
    return {
        f"lib/{number}/{part}": Small(package=f"package-{number}", data=source.randbytes(100_000))
        for number in range(30)
        for part in range(2)
    }


def assert_whole(store: Store) -> None:
    layout = store_layout(store)
    blobs = [path for path in (layout.root / "blobs" / "sha256").iterdir() if path.is_file()]
    for path in blobs:
        assert digest_file(path).hex == path.name


def test_builds_killed_at_random_moments_leave_nothing_wrong(tmp_path: Path) -> None:
    words = [sys.executable, "-c", KILLER, str(tmp_path), str(MOMENTS)]
    done = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True)
    assert int(done.stdout) >= MOMENTS // 8

    store = Store(tmp_path / "store")
    assert_whole(store)
    again = build_linked(write_linked(tmp_path / "again", many_files()), store)

    whole = build_linked(write_linked(tmp_path / "other", many_files()), Store(tmp_path / "whole"))
    assert fingerprint(again) == fingerprint(whole)
    assert list(again.layout.root.glob("blobs/.work/*")) == []
    assert_whole(store)


def test_builds_of_the_same_image_at_once_agree(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from bindery.core import Store\n"
        "from tests.images.small import build_linked, fingerprint, write_linked\n"
        "from tests.images.test_killed import many_files\n"
        "linked = write_linked(Path(sys.argv[2]), many_files())\n"
        "print('ready', flush=True)\n"
        "sys.stdin.readline()\n"
        "print(fingerprint(build_linked(linked, Store(Path(sys.argv[1])))))\n"
    )
    store = tmp_path / "store"
    running = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(store), str(tmp_path / str(number))],
            cwd=ROOT,
            env=os.environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    for one in running:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    for one in running:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    said = {one.communicate()[0] for one in running}
    assert [one.returncode for one in running] == [0, 0, 0]
    assert len(said) == 1
    assert list((store / "images").glob("blobs/.work/*")) == []
    assert_whole(Store(store))
