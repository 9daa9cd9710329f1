#!/bin/sh
# A Dask worker, with the words that are given. What it spills goes to TMPDIR, which is on the node.
if ! command -v dask >/dev/null; then
    printf 'the environment %s has no dask\n  fix: add it and lock again\n' "${BINDERY_ENVIRONMENT:-}" >&2
    exit 3
fi
if [ -z "${DASK_TEMPORARY_DIRECTORY:-}" ]; then
    export DASK_TEMPORARY_DIRECTORY="${TMPDIR:-/tmp}"
fi
exec /.singularity.d/bindery/enter.sh dask worker "$@"
