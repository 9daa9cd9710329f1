#!/bin/sh
# Singularity before 3.6 calls this for `instance start`; the first process of the instance waits for the signal.
kill -CONT 1
for script in /.singularity.d/env/*.sh; do
    [ ! -f "$script" ] || . "$script"
done
unset script
exec /.singularity.d/startscript "$@"
