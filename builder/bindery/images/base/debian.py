"""A base of Debian packages: one layer, and a configuration that starts a shell."""

from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING

from bindery.core import BadInput, oci_platform
from bindery.images.base.mmdebstrap import DebianRecipe, debian_archive
from bindery.images.base.packages import BasePackage, parse_status
from bindery.images.base.scrub import STATUS, scrub_archive
from bindery.images.compression import open_decompressed
from bindery.images.layers import write_layer
from bindery.images.layout import Image, read_image
from bindery.images.manifest import CONFIG, ConfigFields, Descriptor, HistoryEntry, encode_config, encode_manifest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bindery.core import Progress
    from bindery.images.layout import Layout

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def make_debian(
    recipe: DebianRecipe, platform: str, layout: Layout, environ: Mapping[str, str], progress: Progress
) -> tuple[Image, tuple[BasePackage, ...]]:
    """Return a base of what the suite has today, and its packages, made by the machine's own apt configuration.

    Raises:
        BadInput: there is no such suite or package.
        ToolFailed: mmdebstrap, the mirror or the disk failed, or this user cannot make one.

    """
    with progress.task(f"Making a base of {recipe.where}", 2, "steps") as task:
        with debian_archive(recipe, environ) as path, tarfile.open(path, encoding="utf-8") as archive:
            task.advance()
            scrubbed = scrub_archive(archive, recipe.where)
            packages = parse_status(scrubbed.status)
            layer = write_layer(scrubbed.members, layout, title=recipe.where)
        task.advance()
    system, architecture = oci_platform(platform)
    config = encode_config(
        ConfigFields(
            os=system,
            architecture=architecture,
            env=(f"PATH={PATH}", "LANG=en_US.UTF-8"),
            cmd=("bash",),
            diff_ids=(layer.diff_id,),
            history=(HistoryEntry(created_by=f"bindery: {recipe.where}, {len(packages)} packages"),),
        )
    )
    stored = Descriptor(media_type=CONFIG, digest=layout.write_blob(config), size_bytes=len(config))
    digest = layout.write_blob(encode_manifest(stored, [layer.descriptor]))
    return read_image(layout, str(digest)), packages


def debian_recipe(suite: str, platform: str, packages: tuple[str, ...]) -> DebianRecipe:
    """Return what a base of the suite is made of; Debian's names of architectures are OCI's."""
    return DebianRecipe(suite=suite, arch=oci_platform(platform)[1], packages=packages)


def read_packages(image: Image) -> tuple[BasePackage, ...]:
    """Return the packages that dpkg knows in an image; none if it is no Debian.

    Raises:
        BadInput: a layer is missing or damaged.

    """
    status = ""
    for descriptor, _ in image.layers:
        where = f"layer {descriptor.digest}"
        with image.layout.open_blob(descriptor.digest, where) as blob:
            try:
                with tarfile.open(fileobj=open_decompressed(blob, descriptor.media_type), mode="r|") as archive:
                    for member in archive:
                        if member.name.removeprefix("./") == STATUS and member.isreg():
                            stream = archive.extractfile(member)
                            status = stream.read().decode(errors="replace") if stream else ""
            except tarfile.TarError as error:
                raise BadInput(f"is not a tar archive: {error}", where) from error
    return parse_status(status)
