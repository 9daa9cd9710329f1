"""Images: OCI layouts, layers that follow packages, repo2docker's buildpack and engine, registries."""

from typing import TYPE_CHECKING

from bindery.core.front_door import open_on_demand

if TYPE_CHECKING:
    from bindery.images.build import BuildRequest, build_image, build_in_docker, describe_build, plan_build
    from bindery.images.buildpack.describing import Described
    from bindery.images.buildpack.making import ImageParts, MakingOptions
    from bindery.images.buildpack.plan import BuildPlan, PlannedLayer
    from bindery.images.buildpack.runtime_files import Place
    from bindery.images.buildpack.sources import check_name, parse_source
    from bindery.images.buildpack.users import User
    from bindery.images.compression import Compression, open_decompressed, usable_cores
    from bindery.images.difference import Growth, ImageDifference, LayerChange, compare_images
    from bindery.images.inspect import ImageFacts, ImageLayer, ImagePackage, inspect_image
    from bindery.images.layout import Image, Layout, make_layout, open_layout, read_image, store_layout
    from bindery.images.manifest import (
        Descriptor,
        ImageConfig,
        Index,
        Manifest,
        parse_config,
        parse_index,
        parse_manifest,
    )
    from bindery.images.sbom import encode_sbom
    from bindery.images.target import (
        ContainerTarget,
        DaemonTarget,
        LayoutTarget,
        PathTarget,
        RegistryTarget,
        ReleaseTarget,
        StoreTarget,
        Target,
        find_image_target,
        parse_target,
    )

__all__ = [
    "BuildPlan",
    "BuildRequest",
    "Compression",
    "ContainerTarget",
    "DaemonTarget",
    "Described",
    "Descriptor",
    "Growth",
    "Image",
    "ImageConfig",
    "ImageDifference",
    "ImageFacts",
    "ImageLayer",
    "ImagePackage",
    "ImageParts",
    "Index",
    "LayerChange",
    "Layout",
    "LayoutTarget",
    "MakingOptions",
    "Manifest",
    "PathTarget",
    "Place",
    "PlannedLayer",
    "RegistryTarget",
    "ReleaseTarget",
    "StoreTarget",
    "Target",
    "User",
    "build_image",
    "build_in_docker",
    "check_name",
    "compare_images",
    "describe_build",
    "encode_sbom",
    "find_image_target",
    "inspect_image",
    "make_layout",
    "open_decompressed",
    "open_layout",
    "parse_config",
    "parse_index",
    "parse_manifest",
    "parse_source",
    "parse_target",
    "plan_build",
    "read_image",
    "store_layout",
    "usable_cores",
]

if not TYPE_CHECKING:  # so that type checkers know these names and no others
    __getattr__ = open_on_demand(__name__, __file__)
