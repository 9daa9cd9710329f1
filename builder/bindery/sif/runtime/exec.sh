#!/bin/sh
# Singularity before 3.6 calls this for `exec`; later ones do the same themselves.
for script in /.singularity.d/env/*.sh; do
    [ ! -f "$script" ] || . "$script"
done
unset script
exec "$@"
