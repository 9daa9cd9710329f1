from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from bindery.core import BadInput, Digest, NoProgress, Store, ToolFailed
from bindery.environments.wheels.download import fetch_wheels
from bindery.environments.wheels.pins import Pin
from bindery.environments.wheels.uv import Wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.environments.wheels.conftest import Index

BODY = b"wheel" * 100_000
NAME = "toy-1.0-py3-none-any.whl"


def _wheel(index: Index, body: bytes = BODY) -> Wheel:
    digest = Digest("sha256", hashlib.sha256(body).hexdigest())
    index.files[NAME] = BODY
    return Wheel(pin=Pin(name="toy", version="1.0", digest=digest), url=f"{index.url}/{NAME}", size_bytes=len(body))


def _fetch(wheel: Wheel, store: Store) -> None:
    fetch_wheels([wheel], store, NoProgress(), pause=lambda _: None)


def _kept(store: Store) -> list[str]:
    return [path.name for path in (store.root / "wheels").rglob("*") if path.is_file() and ".locks" not in path.parts]


def test_wheel_is_kept_read_only_under_its_hash(index: Index, tmp_path: Path) -> None:
    store, wheel = Store(tmp_path), _wheel(index)

    _fetch(wheel, store)

    path = store.path("wheels", wheel.pin.digest.hex)
    assert path.read_bytes() == BODY
    assert path.stat().st_mode & 0o777 == 0o444
    assert _kept(store) == [wheel.pin.digest.hex]


def test_other_bytes_are_named_and_not_kept(index: Index, tmp_path: Path) -> None:
    store, wheel = Store(tmp_path), _wheel(index, b"what was pinned")

    with pytest.raises(BadInput) as caught:
        _fetch(wheel, store)

    assert str(caught.value) == (
        f"{NAME}: sha256 is {hashlib.sha256(BODY).hexdigest()}, but toy==1.0 is pinned to {wheel.pin.digest.hex}\n"
        "  fix: what was sent is not the pinned wheel: find out why before you change the pin"
    )
    assert _kept(store) == []


def test_broken_connection_is_resumed(index: Index, tmp_path: Path) -> None:
    store, wheel = Store(tmp_path), _wheel(index)
    index.faults += ["cut", "busy"]

    _fetch(wheel, store)

    assert store.path("wheels", wheel.pin.digest.hex).read_bytes() == BODY
    half = f"bytes={len(BODY) // 2}-"
    assert index.ranges == [None, half, half]


def test_damaged_part_is_fetched_from_nothing(index: Index, tmp_path: Path) -> None:
    store, wheel = Store(tmp_path), _wheel(index)
    part = tmp_path / "wheels" / ".parts" / f"{wheel.pin.digest.hex}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"not what it was")

    _fetch(wheel, store)

    assert store.path("wheels", wheel.pin.digest.hex).read_bytes() == BODY
    assert index.ranges == ["bytes=15-", None]


def test_busy_server_is_left_after_five_times(index: Index, tmp_path: Path) -> None:
    wheel = _wheel(index)
    index.faults += ["busy"] * 5

    with pytest.raises(ToolFailed) as caught:
        _fetch(wheel, Store(tmp_path))

    assert str(caught.value) == (
        f"{wheel.url}: the server answered 503 (5 times)\n  fix: run it again: what has arrived is kept"
    )


def test_wheel_that_is_gone_is_named(index: Index, tmp_path: Path) -> None:
    wheel = _wheel(index)
    index.files.clear()

    with pytest.raises(ToolFailed) as caught:
        _fetch(wheel, Store(tmp_path))

    assert str(caught.value) == f"{wheel.url}: the server answered 404"


def test_file_that_is_gone_is_named(tmp_path: Path) -> None:
    wheel = Wheel(
        pin=Pin(name="toy", version="1.0", digest=Digest("sha256", "0" * 64)), url="file:///no/toy.whl", size_bytes=None
    )

    with pytest.raises(ToolFailed) as caught:
        _fetch(wheel, Store(tmp_path))

    assert str(caught.value) == "/no/toy.whl: cannot be read: No such file or directory"


_FETCH = """
import sys
from pathlib import Path
from bindery.core import Digest, NoProgress, Store
from bindery.environments.wheels.download import fetch_wheels
from bindery.environments.wheels.pins import Pin
from bindery.environments.wheels.uv import Wheel
pin = Pin(name="toy", version="1.0", digest=Digest("sha256", sys.argv[1]))
fetch_wheels([Wheel(pin=pin, url=sys.argv[2], size_bytes=None)], Store(Path(sys.argv[3])), NoProgress())
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_killed_while_fetching_then_resumed(index: Index, tmp_path: Path, end: signal.Signals) -> None:
    store, wheel = Store(tmp_path), _wheel(index)
    index.faults.append("hang")
    part = tmp_path / "wheels" / ".parts" / f"{wheel.pin.digest.hex}.part"

    words = [sys.executable, "-c", _FETCH, wheel.pin.digest.hex, wheel.url, str(tmp_path)]
    process = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    while process.poll() is None and not (part.exists() and part.stat().st_size):
        time.sleep(0.01)
    process.send_signal(end)
    if end is signal.SIGINT:
        index.pause.set()
    process.wait()
    arrived = part.stat().st_size
    _fetch(wheel, store)

    assert store.path("wheels", wheel.pin.digest.hex).read_bytes() == BODY
    # After Ctrl-C the connection may break before the process has noticed the key.
    assert index.ranges[0] is None
    assert set(index.ranges[1:]) == {f"bytes={arrived}-"}
