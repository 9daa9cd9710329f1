from __future__ import annotations

from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from tests.testbed.serving import Quiet, serving

from bindery.core import BadInput, NoProgress, Settings, Store, ToolFailed, digest_bytes
from bindery.environments import (
    Environment,
    Lock,
    LockedChannel,
    Realised,
    find_environment,
    read_lock,
    realise,
    wheel_lock,
    write_lock,
)
from bindery.environments.wheels import WheelChannel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bindery.environments import PackagesChoice

SPEC = "channels: [conda-forge]\nplatforms: [linux-64]\ndependencies: [python=3.11, xarray, 'numpy=*=py*']\n"


class Told(NoProgress):
    """Remembers what was said."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def say(self, sentence: str) -> None:
        self.sentences.append(sentence)


def take(
    environment: Environment,
    packages: PackagesChoice,
    store: Store,
    *,
    progress: Told | None = None,
    interpreter: str | None = None,
    platform: str = "linux-64",
) -> Realised:
    return realise(
        environment,
        packages=packages,
        interpreter=interpreter,
        platform=platform,
        store=store,
        progress=progress or Told(),
    )


@pytest.fixture
def wheels(monkeypatch: pytest.MonkeyPatch, channel: Path) -> WheelChannel:
    """Let the small channel pass for one made of wheels: it has the same form, and nothing needs to be fetched."""
    found = WheelChannel(
        folder=channel, digest=digest_bytes(b"wheels"), python_version="3.12.11", glibc="2.17", packages=80
    )
    monkeypatch.setattr(wheel_lock, "ensure_wheel_channel", lambda *_, **__: found)
    return found


@contextmanager
def server(status: int) -> Iterator[str]:
    """Run a server that gives every question the same status."""

    class Handler(Quiet, BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(status)
            self.end_headers()

    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as running:
        yield f"http://127.0.0.1:{running.server_port}/channel"


def committed(environment: Environment, url: str) -> None:
    lock = Lock(
        packages=(),
        content_hash=(),
        channels=(LockedChannel(url=url),),
        platforms=("linux-64",),
        sources=("environment.yml",),
    )
    write_lock(lock, environment.lock_path)


def test_conda_forge_takes_the_committed_lock(project_settings: Settings, tmp_path: Path) -> None:
    pangeo = find_environment(project_settings, "pangeo")
    found = take(pangeo, "conda-forge", Store(tmp_path))
    assert found.lock == read_lock(pangeo.lock_path)
    assert (found.packages, found.label, found.release) == ("conda-forge", "Pangeo 2025.08.14", "2025.08.14")
    assert (found.digest, len(found.installed), dict(found.mirrors)) == (found.lock.digest("linux-64"), 395, {})


def test_auto_takes_the_lock_if_its_channel_answers(
    make_environment: Callable[[str], Environment], tmp_path: Path
) -> None:
    environment, told = make_environment(SPEC), Told()
    with server(200) as url:
        committed(environment, url)
        assert take(environment, "auto", Store(tmp_path / "store"), progress=told).packages == "conda-forge"
    assert told.sentences == []


@pytest.mark.parametrize("status", [404, 503])
def test_auto_takes_wheels_in_one_line_if_the_channel_fails(
    status: int,
    make_environment: Callable[[str], Environment],
    tmp_path: Path,
    wheels: WheelChannel,
) -> None:
    environment, told = make_environment(SPEC.replace("3.11", "3.12")), Told()
    with server(status) as url:
        committed(environment, url)
        before = environment.lock_path.read_bytes()
        found = take(environment, "auto", Store(tmp_path / "store"), progress=told)
    assert told.sentences == [f"ocean: {url} does not answer; taking wheels instead (--packages names one of the two)"]
    assert (found.packages, found.label, found.release) == ("wheels", "Ocean (wheels)", None)
    assert dict(found.mirrors) == {wheels.url: wheels.folder.as_uri() + "/"}
    assert environment.lock_path.read_bytes() == before


def test_lock_of_wheels_is_a_marked_substitute_kept_in_the_store(
    make_environment: Callable[[str], Environment], tmp_path: Path, wheels: WheelChannel
) -> None:
    environment, told, store = make_environment(SPEC), Told(), Store(tmp_path / "store")
    found = take(environment, "wheels", store, progress=told)
    assert told.sentences == [
        "ocean: environment.yml asks for python 3.11.*, and the wheels are for the interpreter 3.12.11"
    ]
    assert {package.url.startswith(wheels.url) for package in found.installed} == {True}
    assert {package.name for package in found.installed} >= {"python", "xarray", "numpy"}
    made = dict(found.lock.custom_metadata)
    assert (made["packages"], made["wheel_channel"]) == ("wheels", str(wheels.digest))
    assert found.lock.sources == ("ocean/environment.yml",)
    assert found.fetch_url(found.installed[0].url).startswith(wheels.folder.as_uri())
    (kept,) = [path for path in (store.root / "wheel-locks").iterdir() if not path.name.startswith(".")]
    assert read_lock(kept) == found.lock
    assert not environment.lock_path.exists()
    assert take(environment, "wheels", store).lock == found.lock


def test_pins_alone_make_a_lock(
    make_environment: Callable[[str], Environment], tmp_path: Path, wheels: WheelChannel
) -> None:
    environment = make_environment(SPEC)
    environment.spec_path.unlink()
    (environment.folder / f"wheels-{wheels.python_minor}.txt").write_text(
        f"xarray==2025.7.1 --hash=sha256:{'0' * 64}\n", encoding="utf-8"
    )
    found = take(environment, "auto", Store(tmp_path / "store"))
    assert {package.name for package in found.installed} >= {"python", "xarray"}


def test_machine_with_an_older_glibc_is_refused(
    make_environment: Callable[[str], Environment], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, channel: Path
) -> None:
    newer = WheelChannel(folder=channel, digest=digest_bytes(b""), python_version="3.12.11", glibc="9.9", packages=1)
    monkeypatch.setattr(wheel_lock, "ensure_wheel_channel", lambda *_, **__: newer)
    monkeypatch.setattr("platform.libc_ver", lambda: ("glibc", "2.36"))
    with pytest.raises(ToolFailed) as caught:
        take(make_environment(SPEC), "wheels", Store(tmp_path / "store"))
    assert str(caught.value) == (
        f"{channel}: its files ask for glibc 9.9, and this machine has 2.36\n"
        "  fix: make the channel on this machine, or with --python of an older distribution"
    )


def test_interpreter_and_conda_forge_exclude_each_other(project_settings: Settings, tmp_path: Path) -> None:
    pangeo = find_environment(project_settings, "pangeo")
    with pytest.raises(BadInput) as caught:
        take(pangeo, "conda-forge", Store(tmp_path), interpreter="3.12")
    assert str(caught.value) == (
        f"{pangeo.lock_path}: --python is for wheel channels: the lock names the Python of conda-forge's packages\n"
        "  fix: leave it out, or add --packages wheels"
    )


def test_platform_that_is_not_locked_is_refused(make_environment: Callable[[str], Environment], tmp_path: Path) -> None:
    environment = make_environment(SPEC)
    committed(environment, "conda-forge")
    with pytest.raises(BadInput) as caught:
        take(environment, "conda-forge", Store(tmp_path), platform="osx-64")
    assert str(caught.value) == (
        f"{environment.lock_path}: is not locked for osx-64, only for linux-64\n"
        "  fix: add osx-64 to the platforms in environment.yml, then bindery lock ocean"
    )


def test_longest_mirror_decides() -> None:
    environment = Environment.__new__(Environment)
    lock = Lock(packages=(), content_hash=(), channels=(), platforms=("linux-64",), sources=())
    found = Realised(
        environment=environment,
        lock=lock,
        packages="wheels",
        platform="linux-64",
        label="x",
        mirrors={"https://a/": "file:///one/", "https://a/b/": "file:///two/"},
    )
    assert found.fetch_url("https://a/b/c") == "file:///two/c"
    assert found.fetch_url("https://a/c") == "file:///one/c"
    assert found.fetch_url("https://z/c") == "https://z/c"
