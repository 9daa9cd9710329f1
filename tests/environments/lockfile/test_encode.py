from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from bindery.core import Digest
from bindery.environments import Lock, LockedChannel, LockedPackage, encode_lock, parse_lock, read_lock, write_lock
from bindery.environments.lockfile import encode_body

if TYPE_CHECKING:
    from collections.abc import Callable

    from conda_lock.lockfile.v2prelim.models import Lockfile

    from bindery.environments import Environment

HEX = st.text("0123456789abcdef", min_size=64, max_size=64)
WORDS = st.from_regex(r"[a-z0-9_][a-z0-9._-]{0,7}", fullmatch=True)
# What versions and their ranges look like, with everything that YAML could take for something else.
VERSIONS = st.one_of(
    st.sampled_from(["1.0", "1", "2025.08.14", "1e3", "1_0", "0x1f", "on", "null", "~", "2001-01-01", ".5", "1!2.0"]),
    st.text("0123456789.!abc+~-", min_size=1, max_size=12).filter(lambda text: text not in {".", ".."}),
)
RANGES = st.one_of(
    VERSIONS,
    st.sampled_from(["1:30", "=", ""]),
    st.text("0123456789.*<>=!,| abc:#'\"\\-{}[]&%@`~é", min_size=1, max_size=12).filter(lambda text: text.strip()),
)
PAIRS = st.dictionaries(WORDS, RANGES, max_size=3).map(lambda found: tuple(sorted(found.items())))


@st.composite
def packages(draw: st.DrawFn) -> LockedPackage:
    is_conda = draw(st.booleans())
    platform = draw(st.sampled_from(["linux-64", "osx-64"]))
    name, version, sha256 = draw(WORDS), draw(VERSIONS), draw(HEX)
    subdir = draw(st.sampled_from([platform, "noarch"]))
    return LockedPackage(
        name=name,
        version=version,
        manager="conda" if is_conda else "pip",
        platform=platform,
        dependencies=draw(PAIRS),
        url=f"https://example.org/channel/{subdir}/{name}-1-0.conda" if is_conda else f"https://example.org/{name}.whl",
        md5=Digest("md5", sha256[:32]) if is_conda or draw(st.booleans()) else None,
        sha256=Digest("sha256", sha256),
        source_url=draw(st.none() | st.just("https://example.org/x.zip")),
        recorded_build=draw(st.none() | st.just("py_0")),
        category="main",
    )


@st.composite
def locks(draw: st.DrawFn) -> Lock:
    chosen = draw(st.lists(packages(), max_size=4, unique_by=lambda package: package.key))
    return Lock(
        packages=tuple(chosen),
        content_hash=(("linux-64", draw(HEX)),),
        channels=(LockedChannel(url="https://example.org/${TOKEN}/channel", used_env_vars=("TOKEN",)),),
        platforms=("linux-64", "osx-64"),
        sources=("environment.yml", "../base/environment.yml"),
        time_metadata=draw(st.just(()) | st.just((("created_at", "2025-08-14T00:00:00Z"),))),
        inputs_metadata=draw(st.just(()) | st.just((("environment.yml", (("md5", "00"), ("sha256", "01"))),))),
        custom_metadata=draw(st.dictionaries(WORDS, st.text(max_size=120), max_size=2).map(lambda d: tuple(d.items()))),
    ).canonical()


@settings(deadline=None, max_examples=60)
@given(lock=locks())
def test_what_is_written_is_read_again(lock: Lock) -> None:
    assert parse_lock(encode_lock(lock), "x") == lock


@settings(deadline=None, max_examples=60)
@given(lock=locks())
def test_text_is_what_conda_lock_writes(lock: Lock) -> None:
    assert encode_body(lock) == _body_by_conda_lock(_parse_by_conda_lock(encode_lock(lock)))


def test_published_locks_are_written_as_they_are(published: Path) -> None:
    paths = sorted(published.glob("*/*/conda-lock.yml"))
    assert len(paths) == 4
    for path in paths:
        text = path.read_text(encoding="utf-8")
        assert encode_body(read_lock(path)) == text[text.index("version: 1\n") :]


def test_conda_lock_reads_what_is_written(
    published: Path, tmp_path: Path, parse_by_conda_lock: Callable[[Path], Lockfile]
) -> None:
    path = published / "2025.08.14" / "base-notebook" / "conda-lock.yml"
    write_lock(read_lock(path), tmp_path / "conda-lock.yml")
    assert parse_by_conda_lock(tmp_path / "conda-lock.yml") == parse_by_conda_lock(path)


def test_order_does_not_matter(pangeo_notebook: Environment) -> None:
    lock = read_lock(pangeo_notebook.lock_path)
    turned = Lock(
        packages=lock.packages[::-1],
        content_hash=lock.content_hash,
        channels=lock.channels,
        platforms=lock.platforms,
        sources=lock.sources,
    )
    assert encode_lock(turned) == encode_lock(lock)


def test_virtual_packages_are_left_out(pangeo_notebook: Environment) -> None:
    lock = read_lock(pangeo_notebook.lock_path)
    virtual = LockedPackage(
        name="__glibc",
        version="2.28",
        manager="conda",
        platform="linux-64",
        url="https://example.org/linux-64/__glibc-2.28-0.conda",
        sha256=Digest("sha256", "0" * 64),
    )
    with_virtual = Lock(
        packages=(virtual, *lock.packages),
        content_hash=lock.content_hash,
        channels=lock.channels,
        platforms=lock.platforms,
        sources=lock.sources,
    )
    assert encode_lock(with_virtual) == encode_lock(lock)


def test_lock_is_whole_when_the_writer_dies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "conda-lock.yml"
    path.write_text("old", encoding="utf-8")

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", die)
    lock = Lock(packages=(), content_hash=(), channels=(), platforms=(), sources=())
    with pytest.raises(KeyboardInterrupt):
        write_lock(lock, path)
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def _parse_by_conda_lock(text: str) -> Lockfile:
    from conda_lock.lockfile.v1.models import Lockfile as LockfileV1  # noqa: PLC0415 - two seconds
    from conda_lock.lockfile.v2prelim.models import lockfile_v1_to_v2  # noqa: PLC0415

    document = yaml.safe_load(text)
    document.pop("version")
    return lockfile_v1_to_v2(LockfileV1.model_validate(document))


def _body_by_conda_lock(lockfile: Lockfile) -> str:
    lockfile.alphasort_inplace()
    lockfile.filter_virtual_packages_inplace()
    stream = io.StringIO()
    yaml.dump(lockfile.to_v1().dict_for_output(), stream=stream, sort_keys=False)
    return stream.getvalue()
