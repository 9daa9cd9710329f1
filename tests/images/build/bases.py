"""A base for images in which nothing runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bindery.core import host_platform, oci_platform
from bindery.core.tarstreams import TarMember, bytes_member
from bindery.images import Descriptor, make_layout, parse_manifest
from bindery.images.layers import write_layer
from bindery.images.manifest import CONFIG, ConfigFields, encode_config, encode_manifest

if TYPE_CHECKING:
    from pathlib import Path


def make_tiny_base(folder: Path, platform: str | None = None) -> str:
    """Return the name of a base in a layout made in the folder: two users' files, and what looks like a bash."""
    layout = make_layout(folder)
    members = [
        bytes_member("etc/passwd", b"root:x:0:0:root:/root:/bin/bash\n"),
        bytes_member("etc/group", b"root:x:0:\n"),
        bytes_member("bin/bash", b"#!", 0o755),
        TarMember(path="tmp", mode=0o1777),
    ]
    layer = write_layer(members, layout, title="tiny")
    fields = ConfigFields(
        os="linux",
        architecture=oci_platform(platform or host_platform())[1],
        env=("PATH=/usr/bin:/bin",),
        diff_ids=(layer.diff_id,),
    )
    config = encode_config(fields)
    stored = Descriptor(media_type=CONFIG, digest=layout.write_blob(config), size_bytes=len(config))
    raw = encode_manifest(stored, [layer.descriptor])
    layout.write_blob(raw)
    layout.tag("tiny:1", parse_manifest(raw, "tiny").descriptor)
    return f"oci:{folder}:tiny:1"
