"""A lock as a list of materials that scanners read: the same lock gives the same bytes.

Source: CycloneDX 1.6; the package URL specification, "conda" and "pypi". A package of a wheel channel stands for a
project of PyPI, and has its package URL; its hash is that of the archive that is installed, made from the wheel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from bindery import __version__
from bindery.core import encode_json, parse_json
from bindery.environments import WHEEL_CHANNELS, pypi_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bindery.environments import Lock, LockedPackage

_TRUNCATED = "…"


def encode_sbom(
    lock: Lock, platform: str, name: str, version: str = "", licences: Mapping[str, str] | None = None
) -> bytes:
    """Return the platform's packages as CycloneDX 1.6 in JSON, without time and without chance.

    ``name`` and ``version`` are the environment's and its release's; ``licences`` are those that are known, by the
    package's URL.

    Raises:
        BadInput: the lock is not for this platform.

    """
    digest = lock.digest(platform)
    known = licences or {}
    components = {
        (package.manager, package.name): _component(package, known.get(package.url))
        for package in lock.packages_for(platform)
    }
    root = Component(
        name=name,
        version=version or None,
        type=ComponentType.PLATFORM,
        bom_ref=f"environment:{name}",
        properties=[
            Property(name="bindery:lock", value=str(digest)),
            Property(name="bindery:platform", value=platform),
        ],
    )
    bom = Bom(components=components.values(), serial_number=uuid5(NAMESPACE_URL, f"{name}@{version}#{digest}"))
    bom.metadata.component = root
    bom.metadata.tools.components.add(
        Component(name="bindery", version=__version__, type=ComponentType.APPLICATION, bom_ref="tool:bindery")
    )
    bom.register_dependency(root, components.values())
    for package in lock.packages_for(platform):
        needed = {components.get(("conda", need)) for need, _ in package.dependencies}
        needed |= {components.get((package.manager, need)) for need, _ in package.dependencies}
        bom.register_dependency(
            components[package.manager, package.name], [component for component in needed if component is not None]
        )
    return _without_time(JsonV1Dot6(bom).output_as_string())


def _component(package: LockedPackage, licence: str | None) -> Component:
    purl = _package_url(package)
    hashes = [HashType(alg=HashAlgorithm.SHA_256, content=package.sha256.hex)]
    if package.md5 is not None:
        hashes.append(HashType(alg=HashAlgorithm.MD5, content=package.md5.hex))
    return Component(
        name=package.name,
        version=package.version,
        type=ComponentType.LIBRARY,
        bom_ref=f"{package.manager}:{package.name}",
        purl=purl,
        hashes=hashes,
        licenses=[LicenseFactory().make_from_string(licence)] if licence and _TRUNCATED not in licence else [],
        properties=[Property(name="bindery:url", value=package.url)],
    )


def _package_url(package: LockedPackage) -> PackageURL:
    if package.manager == "pip":
        return PackageURL("pypi", name=package.name, version=package.version)
    if package.url.startswith(WHEEL_CHANNELS):
        project = pypi_name(package.name)
        # The interpreter and what comes with it are this machine's: no registry has them.
        return PackageURL("pypi" if project else "generic", name=project or package.name, version=package.version)
    return PackageURL(
        "conda",
        name=package.name,
        version=package.version,
        qualifiers={
            "build": package.build,
            "channel": package.channel_url.rpartition("/")[2],
            "subdir": package.subdir,
            "type": "conda" if package.file_name.endswith(".conda") else "tar.bz2",
        },
    )


def _without_time(text: str) -> bytes:
    document = parse_json(text)
    match document:
        case {"metadata": dict(metadata)}:
            metadata.pop("timestamp", None)
    return encode_json(document, indent=1) + b"\n"
