#!/bin/sh
# As `apptainer build` has it: the shell evaluates what is given, unless SINGULARITY_NO_EVAL is set.
if [ -z "${SINGULARITY_NO_EVAL:-}" ]; then
    words=
    for word in "$@"; do
        words="$words \"$word\""
    done
    eval "set -- $words"
fi
