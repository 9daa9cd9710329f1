#!/bin/sh
# As `apptainer build` has it: the shell evaluates what is given, unless SINGULARITY_NO_EVAL is set. By the line with
# `eval` Apptainer knows such a file, and reads it in a shell of its own: the image need not have one.
SINGULARITY_OCI_RUN='-- "$@"'
if [ -z "${SINGULARITY_NO_EVAL:-}" ]; then
    SINGULARITY_OCI_RUN=--
    for word in "$@"; do
        SINGULARITY_OCI_RUN="$SINGULARITY_OCI_RUN \"$word\""
    done
fi
eval "set ${SINGULARITY_OCI_RUN}"
