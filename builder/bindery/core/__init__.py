"""What every room needs: errors, digests, the store, files, processes, progress, configuration."""

from bindery.core.configuration import (
    EnvironmentSettings,
    NotebookSettings,
    Settings,
    TestSettings,
    find_root,
    read_settings,
)
from bindery.core.digests import (
    CHUNK_BYTES,
    Digest,
    digest_bytes,
    digest_file,
    digest_stream,
    parse_digest,
    verify_file,
)
from bindery.core.errors import BadInput, BinderyError, CheckFailed, ToolFailed, WrongUse
from bindery.core.files import disk_errors, inner_path, remove_tree, write_file
from bindery.core.json import Json, encode_json, parse_json
from bindery.core.platforms import NOARCH, PLATFORMS, conda_platform, host_platform, oci_platform
from bindery.core.processes import Finished, run_process, start_process, stop_process
from bindery.core.progress import NoProgress, Progress, Task, Unit
from bindery.core.store import Store, default_store

__all__ = [
    "CHUNK_BYTES",
    "NOARCH",
    "PLATFORMS",
    "BadInput",
    "BinderyError",
    "CheckFailed",
    "Digest",
    "EnvironmentSettings",
    "Finished",
    "Json",
    "NoProgress",
    "NotebookSettings",
    "Progress",
    "Settings",
    "Store",
    "Task",
    "TestSettings",
    "ToolFailed",
    "Unit",
    "WrongUse",
    "conda_platform",
    "default_store",
    "digest_bytes",
    "digest_file",
    "digest_stream",
    "disk_errors",
    "encode_json",
    "find_root",
    "host_platform",
    "inner_path",
    "oci_platform",
    "parse_digest",
    "parse_json",
    "read_settings",
    "remove_tree",
    "run_process",
    "start_process",
    "stop_process",
    "verify_file",
    "write_file",
]
