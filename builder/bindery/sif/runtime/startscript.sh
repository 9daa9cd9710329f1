#!/bin/sh
# An instance is what others `exec` into, unless it is told what to run.
[ $# -eq 0 ] || exec /.singularity.d/runscript "$@"
