"""Prefixes: the folders in which locks are installed."""

from bindery.prefixes.bundle import Bundle, realise_bundle, write_bundle
from bindery.prefixes.environ import FOREIGN_NAMES, process_environ
from bindery.prefixes.install import Prefix, ensure_prefix, prefix_path, verify_prefix
from bindery.prefixes.kernelspec import kernel_name, register_kernel
from bindery.prefixes.linked import LinkedPrefix, ensure_linked, find_linked
from bindery.prefixes.linked_record import LinkedEntry
from bindery.prefixes.record import read_record
from bindery.prefixes.verify import Finding

__all__ = [
    "FOREIGN_NAMES",
    "Bundle",
    "Finding",
    "LinkedEntry",
    "LinkedPrefix",
    "Prefix",
    "ensure_linked",
    "ensure_prefix",
    "find_linked",
    "kernel_name",
    "prefix_path",
    "process_environ",
    "read_record",
    "realise_bundle",
    "register_kernel",
    "verify_prefix",
    "write_bundle",
]
