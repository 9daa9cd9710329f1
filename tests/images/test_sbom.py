"""Lists of materials: valid, the same twice, and with everything that a scanner asks for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from bindery.core import BadInput, Digest, parse_json
from bindery.environments import Lock, LockedPackage, read_lock
from bindery.images.sbom import encode_sbom

if TYPE_CHECKING:
    from bindery.core import Json

ROOT = Path(__file__).parents[2]
WHEELS = f"https://wheels.invalid/{'a' * 64}/"
CHANNEL = "https://conda.anaconda.org/conda-forge"


def package(
    name: str, url: str, manager: str = "conda", dependencies: tuple[tuple[str, str], ...] = ()
) -> LockedPackage:
    return LockedPackage(
        name=name,
        version="1.2",
        manager="pip" if manager == "pip" else "conda",
        platform="linux-64",
        url=url,
        sha256=Digest("sha256", "1" * 64),
        md5=None if manager == "pip" else Digest("md5", "2" * 32),
        dependencies=dependencies,
    )


def lock_of(*packages: LockedPackage) -> Lock:
    return Lock(packages=packages, content_hash=(), channels=(), platforms=("linux-64",), sources=())


def components(data: bytes) -> dict[str, dict[str, Json]]:
    document = parse_json(data)
    assert isinstance(document, dict)
    listed = document["components"]
    assert isinstance(listed, list)
    return {str(one["bom-ref"]): one for one in listed if isinstance(one, dict)}


def test_every_package_has_its_url_its_hashes_and_its_licence() -> None:
    numpy = package("numpy", f"{CHANNEL}/linux-64/numpy-1.2-py312_0.conda", dependencies=(("old", ">=1"),))
    old = package("old", f"{CHANNEL}/noarch/old-1.2-0.tar.bz2")
    data = encode_sbom(
        lock_of(
            numpy,
            old,
            package("jupyter_client", f"{WHEELS}noarch/jupyter_client-1.2-wheels_0.conda"),
            package("python", f"{WHEELS}linux-64/python-1.2-0.conda"),
            package("wheel", "https://example.org/wheel-1.2-py3-none-any.whl", manager="pip"),
        ),
        "linux-64",
        "tiny",
        "2026.11.22",
        {numpy.url: "BSD-3-Clause", old.url: "Its own words"},
    )
    found = components(data)
    assert {key: one["purl"] for key, one in found.items()} == {
        "conda:numpy": "pkg:conda/numpy@1.2?build=py312_0&channel=conda-forge&subdir=linux-64&type=conda",
        "conda:old": "pkg:conda/old@1.2?build=0&channel=conda-forge&subdir=noarch&type=tar.bz2",
        "conda:jupyter_client": "pkg:pypi/jupyter-client@1.2",
        "conda:python": "pkg:generic/python@1.2",
        "pip:wheel": "pkg:pypi/wheel@1.2",
    }
    assert found["conda:numpy"]["hashes"] == [
        {"alg": "MD5", "content": "2" * 32},
        {"alg": "SHA-256", "content": "1" * 64},
    ]
    assert found["conda:numpy"]["licenses"] == [{"license": {"id": "BSD-3-Clause"}}]
    assert found["conda:old"]["licenses"] == [{"license": {"name": "Its own words"}}]
    assert "licenses" not in found["conda:python"]
    document = parse_json(data)
    assert isinstance(document, dict)
    dependencies = document["dependencies"]
    assert isinstance(dependencies, list)
    assert {"ref": "conda:numpy", "dependsOn": ["conda:old"]} in dependencies
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(data.decode()) is None


def test_a_real_lock_is_valid_and_names_every_package() -> None:
    lock = read_lock(ROOT / "environments" / "pangeo" / "conda-lock.yml")
    data = encode_sbom(lock, "linux-64", "pangeo", "2025.08.14")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(data.decode()) is None
    assert len(components(data)) == len(lock.packages_for("linux-64"))
    assert b"timestamp" not in data


def test_the_same_lock_gives_the_same_bytes_in_another_process(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from bindery.environments import read_lock; "
        "from bindery.images.sbom import encode_sbom; "
        "lock = read_lock(Path(sys.argv[1])); sys.stdout.buffer.write(encode_sbom(lock, 'osx-64', 'pangeo'))"
    )
    lock = ROOT / "environments" / "pangeo" / "conda-lock.yml"

    def run(seed: str, zone: str) -> bytes:
        environ = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone}
        return subprocess.run(
            [sys.executable, "-c", code, lock], env=environ, cwd=tmp_path, capture_output=True, check=True
        ).stdout

    assert run("1", "UTC") == run("2", "Asia/Tokyo")


def test_another_platform_is_refused() -> None:
    with pytest.raises(BadInput) as caught:
        encode_sbom(lock_of(), "osx-64", "tiny")
    assert str(caught.value) == "conda-lock.yml: is not locked for osx-64, only for linux-64"
