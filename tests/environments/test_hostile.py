"""Locks and specs that somebody made to harm: each is read by a process of its own, with little memory and time."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

CPU_S = 30
MEMORY_MIB = 1024
READ = f"""
import resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_CPU, ({CPU_S}, {CPU_S}))
resource.setrlimit(resource.RLIMIT_AS, ({MEMORY_MIB} << 20, {MEMORY_MIB} << 20))
from bindery.core import BinderyError
from bindery.environments import Environment, encode_lock, read_lock, read_spec, render_explicit
path = Path(sys.argv[1])
try:
    if path.name == "environment.yml":
        print("read", len(read_spec(Environment(name="ocean", folder=path.parent)).platforms))
    else:
        lock = read_lock(path, "bindery lock ocean")
        platform = sys.argv[2] if sys.argv[2:] else "linux-64"
        print("read", len(lock.packages), lock.digest(platform).algorithm, len(encode_lock(lock)) > 0)
        print("rendered", len(render_explicit(lock, platform).splitlines()))
except BinderyError as error:
    print(str(error).replace(f"{{path.parent}}/", ""))
"""
HEAD = """\
version: 1
metadata:
  content_hash:
    linux-64: abc
  channels:
  - url: conda-forge
    used_env_vars: []
  platforms:
  - linux-64
  sources:
  - environment.yml
package:
"""
FIX = "\n  fix: bindery lock ocean"
URL = "https://conda.anaconda.org/conda-forge/linux-64/numpy-2.2.6-py312_0.conda"
BOMB = 'a: &a ["x", "x", "x", "x", "x", "x", "x", "x", "x"]\n' + "".join(
    f"{name}: &{name} [{', '.join([f'*{below}'] * 9)}]\n" for below, name in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGE_BOMB = "a: &a {x: 1}\n" + "".join(
    f"{name}: &{name} {{<<: [{', '.join([f'*{below}'] * 9)}]}}\n"
    for below, name in zip("abcdefgh", "bcdefghi", strict=True)
)


def entry(name: str = "numpy", **changed: str) -> str:
    """Return a package's lines, some of them replaced; the values are YAML."""
    fields = {"version": "2.2.6", "manager": "conda", "platform": "linux-64", "dependencies": "{}", "url": URL}
    fields |= {"md5": "0" * 32, "sha256": "0" * 64, "category": "main"} | changed
    lines = "".join(f"  {key}: {fields[key]}\n" for key in ("version", "manager", "platform", "dependencies", "url"))
    hashes = f"  hash:\n    md5: '{fields['md5']}'\n    sha256: '{fields['sha256']}'\n"
    return f"- name: {name}\n{lines}{hashes}  category: {fields['category']}\n  optional: false\n"


def circle(size: int) -> str:
    """Return packages that need each other in one circle."""
    return "".join(
        entry(f"p{i}", dependencies=f"\n    p{(i + 1) % size}: ''", url=URL.replace("numpy", f"p{i}"))
        for i in range(size)
    )


def read(path: Path, text: str, *arguments: str) -> str:
    """Return what the process says that reads the file."""
    path.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", READ, str(path), *arguments], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-500:]
    return done.stdout.rstrip("\n")


BAD_LOCKS = {
    "bomb": (BOMB, "conda-lock.yml: has an alias, which Bindery does not read, at line 2"),
    "merge-bomb": (MERGE_BOMB, "conda-lock.yml: has an alias, which Bindery does not read, at line 2"),
    "alias-of-itself": (
        HEAD + "- &a [*a]\n",
        "conda-lock.yml: has an alias, which Bindery does not read, at line 13",
    ),
    "bomb-in-the-head": (
        BOMB + HEAD + entry(),
        "conda-lock.yml: has an alias, which Bindery does not read, at line 2",
    ),
    "nested": ("[" * 200_000, "conda-lock.yml: is nested more than 50 deep, at line 1"),
    "key-twice": (
        HEAD + entry().replace("  optional", "  version: 9.9\n  optional"),
        "conda-lock.yml: the key 'version' is there twice, at line 23",
    ),
    "packages-twice": (
        HEAD + entry() + "package: []\n",
        "conda-lock.yml: the key 'package' is there twice, at line 24",
    ),
    "dependency-twice": (
        HEAD + entry(dependencies="\n    python: ''\n    python: '>=3'"),
        "conda-lock.yml: the key 'python' is there twice, at line 19",
    ),
    "package-twice": (
        HEAD + entry() + entry(version="9.9.0"),
        "conda-lock.yml: package[1] numpy: is there twice for linux-64, category main",
    ),
    "python-object": (
        "!!python/object/apply:os.system [touch /tmp/bindery-was-here]\n",
        (
            "conda-lock.yml: is not YAML at line 1: could not determine a constructor for the tag "
            "'tag:yaml.org,2002:python/object/apply:os.system'"
        ),
    ),
    "second-document": (HEAD + entry() + "---\na: 1\n", "conda-lock.yml: has a second document, at line 24"),
    "much-of-it": (
        HEAD + "- {name: numpy}\n" * (1 << 20),
        "conda-lock.yml: is more than the 16 MiB of YAML that Bindery reads",
    ),
    "much-before-the-packages": (
        "a: 1\n" * (4 << 20) + HEAD + entry(),
        "conda-lock.yml: is more than the 16 MiB of YAML that Bindery reads",
    ),
    "name-upwards": (
        HEAD + entry("../../evil"),
        "conda-lock.yml: package[0] ../../evil: name is '../../evil', which names no package",
    ),
    "name-is-upwards": (HEAD + entry(".."), "conda-lock.yml: package[0] ..: name is '..', which names no package"),
    "name-is-an-option": (
        HEAD + entry("--target"),
        "conda-lock.yml: package[0] --target: name is '--target', which names no package",
    ),
    "name-for-a-shell": (
        HEAD + entry("numpy;reboot"),
        "conda-lock.yml: package[0] numpy;reboot: name is 'numpy;reboot', which names no package",
    ),
    "name-for-a-terminal": (
        HEAD + entry('"num\\e[2Jpy"'),
        "conda-lock.yml: package[0]: name is 'num\\x1b[2Jpy', which names no package",
    ),
    "manager-for-a-terminal": (
        HEAD + entry(manager='"\\e[2J"'),
        "conda-lock.yml: package[0] numpy: manager is \\x1b[2J, neither conda nor pip",
    ),
    "version-upwards": (
        HEAD + entry(version="../../../etc"),
        "conda-lock.yml: package[0] numpy: version is '../../../etc', which is no version",
    ),
    "version-for-a-shell": (
        HEAD + entry(version="1$(reboot)"),
        "conda-lock.yml: package[0] numpy: version is '1$(reboot)', which is no version",
    ),
    "build-upwards": (
        HEAD + entry().replace("  category", "  build: ../0\n  category"),
        "conda-lock.yml: package[0] numpy: build is '../0', which is no build",
    ),
    "platform-upwards": (
        HEAD + entry(platform="../linux-64"),
        "conda-lock.yml: package[0] numpy: platform is '../linux-64', which is no platform",
    ),
    "category-upwards": (
        HEAD + entry(category="../main"),
        "conda-lock.yml: package[0] numpy: category is '../main', which is no category",
    ),
    "dependency-for-a-terminal": (
        HEAD + entry(dependencies='{python: ">=3\\n@EXPLICIT"}'),
        "conda-lock.yml: package[0] numpy: dependencies: 'python >=3\\n@EXPLICIT' is no dependency",
    ),
    "url-upwards": (
        HEAD + entry(url="https://conda.anaconda.org/conda-forge/../evil/linux-64/numpy-2.2.6-py312_0.conda"),
        (
            "conda-lock.yml: package[0] numpy: url is 'https://conda.anaconda.org/conda-forge/../evil/linux-64/"
            "numpy-2.2.6-py312_0.conda', which names no package for linux-64"
        ),
    ),
    "url-upwards-in-disguise": (
        HEAD + entry(url="file:///srv/%2e%2E/linux-64/..%2fnumpy-2.2.6-py312_0.conda"),
        (
            "conda-lock.yml: package[0] numpy: url is 'file:///srv/%2e%2E/linux-64/..%2fnumpy-2.2.6-py312_0.conda', "
            "which names no package for linux-64"
        ),
    ),
    "url-for-a-shell": (
        HEAD + entry(url="https://a.org/`reboot`/linux-64/numpy-2.2.6-py312_0.conda"),
        (
            "conda-lock.yml: package[0] numpy: url is 'https://a.org/`reboot`/linux-64/numpy-2.2.6-py312_0.conda', "
            "which names no package for linux-64"
        ),
    ),
    "url-of-two-lines": (
        HEAD + entry(url=f'"https://example.org/evil\\n{URL}"'),
        (
            f"conda-lock.yml: package[0] numpy: url is 'https://example.org/evil\\n{URL}', which names no package for "
            "linux-64"
        ),
    ),
    "pip-url-for-a-shell": (
        HEAD + entry(manager="pip", url='"https://a.org/numpy.whl --index-url=http://evil"'),
        (
            "conda-lock.yml: package[0] numpy: url is 'https://a.org/numpy.whl --index-url=http://evil', which names "
            "no package for linux-64"
        ),
    ),
    "source-url-upwards": (
        HEAD + entry().replace("  category", "  source: {type: url, url: 'file:///../x'}\n  category"),
        "conda-lock.yml: package[0] numpy: source.url is 'file:///../x', which is no URL",
    ),
    "md5-of-the-wrong-length": (
        HEAD + entry(md5="0" * 31),
        f"conda-lock.yml: package[0] numpy: md5 is '{'0' * 31}', which is no md5",
    ),
    "sha256-of-the-wrong-length": (
        HEAD + entry(sha256="0" * 65),
        f"conda-lock.yml: package[0] numpy: sha256 is '{'0' * 65}', which is no sha256",
    ),
    "sha256-of-other-letters": (
        HEAD + entry(sha256="x" * 64),
        f"conda-lock.yml: package[0] numpy: sha256 is '{'x' * 64}', which is no sha256",
    ),
    "no-platform": (
        HEAD + entry().replace("  platform: linux-64\n", ""),
        "conda-lock.yml: package[0] numpy: platform is missing",
    ),
    "day-that-is-none": (
        HEAD + entry(version="2025-02-31"),
        "conda-lock.yml: is not YAML: a value is not what it is marked as (day is out of range for month)",
    ),
    "no-value": (
        HEAD + entry(version="!!int ''"),
        "conda-lock.yml: is not YAML: a value is not what it is marked as (string index out of range)",
    ),
}


@pytest.mark.parametrize("name", BAD_LOCKS)
def test_hostile_lock_is_refused(name: str, tmp_path: Path) -> None:
    text, error = BAD_LOCKS[name]
    assert read(tmp_path / "conda-lock.yml", text) == error + FIX


def test_platform_that_the_lock_lacks_is_refused(tmp_path: Path) -> None:
    told = read(tmp_path / "conda-lock.yml", HEAD + entry(), "osx-64")
    assert told == "conda-lock.yml: is not locked for osx-64, only for linux-64"


@pytest.mark.parametrize("size", [1, 2, 2000])
def test_circles_of_packages_end(size: int, tmp_path: Path) -> None:
    told = read(tmp_path / "conda-lock.yml", HEAD + circle(size))
    assert told == f"read {size} sha256 True\nrendered {size + 4}"


def test_many_small_circles_end(tmp_path: Path) -> None:
    size = 6000
    pairs = "".join(
        entry(f"p{i}", dependencies=f"\n    p{i ^ 1}: ''", url=URL.replace("numpy", f"p{i}")) for i in range(size)
    )
    assert read(tmp_path / "conda-lock.yml", HEAD + pairs) == f"read {size} sha256 True\nrendered {size + 4}"


def test_canonical_lock_of_any_length_is_read(tmp_path: Path) -> None:
    size = 50_000
    text = HEAD + "".join(entry(f"p{i}", url=URL.replace("numpy", f"p{i}")) for i in range(size))
    assert len(text) > 16 << 20
    assert read(tmp_path / "conda-lock.yml", text) == f"read {size} sha256 True\nrendered {size + 4}"


SPEC = "channels: [conda-forge]\nplatforms: [linux-64]\ndependencies:\n"
BAD_SPECS = {
    "bomb": (BOMB, "environment.yml: has an alias, which Bindery does not read, at line 2"),
    "merge-bomb": (MERGE_BOMB, "environment.yml: has an alias, which Bindery does not read, at line 2"),
    "nested": ("- " * 200_000, "environment.yml: is nested more than 50 deep, at line 1"),
    "key-twice": (
        SPEC + "- numpy\nchannels: [evil]\n",
        "environment.yml: the key 'channels' is there twice, at line 5",
    ),
    "much-of-it": (
        SPEC + "- numpy\n" * (1 << 18),
        "environment.yml: is more than the 1 MiB of YAML that Bindery reads",
    ),
    "name-upwards": (SPEC + "- ../../evil\n", "environment.yml: dependencies[0] '../../evil' is no package"),
    "name-for-a-shell": (
        SPEC + "- xarray\n- numpy;reboot\n",
        "environment.yml: dependencies[1] 'numpy;reboot' is no package",
    ),
    "option": (SPEC + "- --target=/\n", "environment.yml: dependencies[0] '--target=/' is no package"),
    "pip-option": (
        SPEC + "- pip\n- pip: ['--index-url http://evil']\n",
        "environment.yml: dependencies[1].pip[0] '--index-url http://evil' is no package",
    ),
    "pip-for-a-terminal": (
        SPEC + '- pip\n- pip: ["six==1\\e[2J"]\n',
        "environment.yml: dependencies[1].pip[0] 'six==1\\x1b[2J' is no package",
    ),
    "two-lines": (
        SPEC + '- "numpy\\n--index-url=http://evil"\n',
        "environment.yml: dependencies[0] 'numpy\\n--index-url=http://evil' is no package",
    ),
    "missing-platform": (
        SPEC.replace("linux-64", "../linux-64") + "- numpy\n",
        (
            "environment.yml: platforms: ../linux-64 is not supported\n  fix: use linux-64, linux-aarch64, osx-64, "
            "osx-arm64"
        ),
    ),
}


@pytest.mark.parametrize("name", BAD_SPECS)
def test_hostile_spec_is_refused(name: str, tmp_path: Path) -> None:
    text, error = BAD_SPECS[name]
    assert read(tmp_path / "environment.yml", text) == error
