"""The base that images stand on: the one that ``base.lock`` names, whatever mirrors and registries have by now."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bindery.core import BadInput, digest_bytes, encode_json, write_file
from bindery.images.base.artifact import import_base
from bindery.images.base.debian import debian_recipe, make_debian, read_packages
from bindery.images.base.lock import BaseLock, encode_base_locks, read_base_lock, write_base_lock
from bindery.images.base.mmdebstrap import tool_version
from bindery.images.base.packages import check_apt_packages, describe_difference
from bindery.images.base.request import BaseRequest, DebianRequest, parse_base_request
from bindery.images.base.scrub import FORMAT
from bindery.images.compression import COMPRESSORS
from bindery.images.layout import Image, read_image
from bindery.images.target import LayoutTarget, RegistryTarget

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bindery.core import Digest, Progress, Store
    from bindery.images.base.lock import Origin
    from bindery.images.base.packages import BasePackage
    from bindery.images.layout import Layout

KIND = "bases"
DEFAULT = "debian:bookworm"
NAME = "base"  # bases have names in the layout, so that nobody takes them for left-overs
_COMPRESSOR = COMPRESSORS["gzip"].name  # engines of any age read it
_WAYS = "--update-base takes what there is now; --base oci:FOLDER takes the locked one from where it was kept"


def ensure_base(  # noqa: PLR0913 - a place, a wish, and what to work with
    lock_path: Path,
    request: str | None,
    *,
    update: bool,
    layout: Layout,
    store: Store,
    progress: Progress,
    apt: Sequence[str] = (),
    platform: str = "linux-64",
) -> Image:
    """Return the base, which is in the layout; ``lock_path`` says from now on which it is.

    ``request`` is what ``--base`` says: ``debian:SUITE``, ``docker://…``, ``oci:FOLDER[:NAME]``, or None for what is
    locked, else ``DEFAULT``. ``apt`` are packages that a base of Debian has in addition. With ``update`` the base is
    made or pulled anew, and replaces the locked one. Without a lock, a base that this store has made of the same
    request is taken again.

    Raises:
        WrongUse: the request asks for nothing that could be a base.
        BadInput: the lock, a package or an artifact is wrong, or the locked base can be had no more.
        ToolFailed: a tool, the network or the disk failed.

    """
    work = _Work(layout=layout, store=store, progress=progress, platform=platform, apt=check_apt_packages(apt))
    locked = read_base_lock(lock_path, platform)
    where = str(lock_path)
    if locked is not None and not update:
        return work.find(locked, None if request is None else parse_base_request(request), where)
    if locked is not None and request is None and locked.origin == "layout":
        raise BadInput("locks a base that was taken from a folder", where, "say which: --base oci:FOLDER")
    asked = parse_base_request(request or (locked.reference if locked else DEFAULT))
    image, lock = work.take(asked, anew=update)
    if lock != locked:
        write_base_lock(lock_path, lock)
    return image


def makes_base(lock_path: Path, request: str | None, platform: str) -> bool:
    """Answer whether the base is one of ours, with what ``apt.txt`` asks for in it; a registry's is somebody else's.

    Raises:
        WrongUse: the request asks for nothing that could be a base.
        BadInput: the lock is damaged.

    """
    if request is not None:
        return not isinstance(parse_base_request(request), RegistryTarget)
    locked = read_base_lock(lock_path, platform)
    return locked is None or locked.origin != "registry"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Work:
    layout: Layout
    store: Store
    progress: Progress
    platform: str
    apt: tuple[str, ...]

    def take(self, asked: BaseRequest, *, anew: bool) -> tuple[Image, BaseLock]:
        """Return the base that is asked for, and what locks it."""
        match asked:
            case DebianRequest():
                return self._debian(asked, anew=anew)
            case LayoutTarget():
                image, name = import_base(asked.folder, asked.reference, self.layout, self.platform)
                # The folder is of this machine; whoever has the artifact has the name.
                return self._keep(image), self._lock(name, image, "layout", self._with_apt(image, str(asked)))
            case RegistryTarget():
                image = self._pull(asked, None)
                return self._keep(image), self._lock(str(asked), image, "registry", self._with_apt(image, str(asked)))

    def find(self, locked: BaseLock, asked: BaseRequest | None, where: str) -> Image:
        """Return the base that is locked, or say why it cannot be had."""
        if locked.origin != "debian":
            self._check_apt(locked.packages, locked.reference)
        elif self.apt != locked.requested:
            raise BadInput(
                f"locks a base with {_words(locked.requested)}, and apt.txt asks for {_words(self.apt)}",
                where,
                "add --update-base",
            )
        if isinstance(asked, LayoutTarget):
            image, _ = import_base(asked.folder, asked.reference, self.layout, self.platform)
            if image.digest != locked.digest:
                raise BadInput(f"locks {locked.digest}, and {asked} is {image.digest}", where, "add --update-base")
            return self._keep(image)
        if asked is not None and str(asked) != locked.reference:
            raise BadInput(f"locks {locked.reference}, and {asked} is asked for", where, "add --update-base")
        if not self._is_kept(locked.digest):
            self._have_again(locked, where)
        return read_image(self.layout, str(locked.digest))

    def _debian(self, asked: DebianRequest, *, anew: bool) -> tuple[Image, BaseLock]:
        key = self._key(str(asked))
        with self.store.lock(KIND, key):
            record = self.store.path(KIND, key)
            known = None if anew else read_base_lock(record, self.platform)
            if known is not None and self._is_kept(known.digest):
                return read_image(self.layout, str(known.digest)), known
            image, packages = self._make(asked)
            lock = BaseLock(
                reference=str(asked),
                digest=image.digest,
                platform=self.platform,
                origin="debian",
                requested=self.apt,
                packages=packages,
                made_with=self._made_with(),
            )
            write_file(record, encode_base_locks({self.platform: lock}))
        return self._keep(image), lock

    def _have_again(self, locked: BaseLock, where: str) -> None:
        missing = f"locks {locked.digest}, which is not in the store"
        match locked.origin:
            case "debian":
                request = parse_base_request(locked.reference)
                if not isinstance(request, DebianRequest):
                    raise BadInput(f"the reference {locked.reference} is no suite of Debian", where)
                image, packages = self._make(request)
                if image.digest != locked.digest:
                    difference = describe_difference(locked.packages, packages)
                    what = f"the mirror has other packages: {difference}"
                    if not difference:
                        what = f"{self._made_with()} made {image.digest} of the same packages"
                    raise BadInput(f"{missing}, and {what}", where, _WAYS)
            case "registry":
                request = parse_base_request(locked.reference)
                if not isinstance(request, RegistryTarget):
                    raise BadInput(f"the reference {locked.reference} is in no registry", where)
                image = self._pull(request, locked.digest)
            case "layout":
                raise BadInput(missing, where, _WAYS)
        self._keep(image)

    def _make(self, asked: DebianRequest) -> tuple[Image, tuple[BasePackage, ...]]:
        recipe = debian_recipe(asked.suite, self.platform, self.apt)
        return make_debian(recipe, self.platform, self.layout, os.environ, self.progress)

    def _made_with(self) -> str:
        return f"{tool_version(os.environ)}, format {FORMAT}, {_COMPRESSOR}"

    def _pull(self, target: RegistryTarget, digest: Digest | None) -> Image:
        # An HTTP client takes longer to import than most builds, which find their base in the store.
        from bindery.images.registry import parse_reference, pull_image  # noqa: PLC0415

        reference = parse_reference(target.reference)
        wanted = reference if digest is None else reference.at(digest)
        return pull_image(wanted, self.layout, self.progress, platform=self.platform)

    def _with_apt(self, image: Image, where: str) -> tuple[BasePackage, ...]:
        """Return the packages of a base that is not made here; those of apt.txt must be among them."""
        packages = read_packages(image)
        self._check_apt(packages, where)
        return packages

    def _check_apt(self, packages: Sequence[BasePackage], where: str) -> None:
        there = {name for one in packages for name in (one.name, f"{one.name}={one.version}")}
        missing = [one for one in self.apt if one not in there]
        if missing:
            raise BadInput(
                f"lacks {', '.join(missing)}, which apt.txt asks for",
                where,
                "use --base debian:bookworm, or --engine docker",
            )

    def _lock(self, reference: str, image: Image, origin: Origin, packages: tuple[BasePackage, ...]) -> BaseLock:
        return BaseLock(
            reference=reference,
            digest=image.digest,
            platform=self.platform,
            origin=origin,
            packages=packages,
        )

    def _is_kept(self, digest: Digest) -> bool:
        if not self.layout.has_blob(digest):
            return False
        image = read_image(self.layout, str(digest))
        return all(self.layout.has_blob(one.digest, one.size_bytes) for one in image.manifest.layers)

    def _keep(self, image: Image) -> Image:
        self.layout.tag(f"{NAME}:{image.digest.hex[:12]}", image.manifest.descriptor)
        return image

    def _key(self, reference: str) -> str:
        parts = encode_json([reference, list(self.apt), self.platform, FORMAT, _COMPRESSOR])
        return digest_bytes(parts).hex


def _words(packages: Sequence[str]) -> str:
    return " ".join(packages) or "no more packages"
