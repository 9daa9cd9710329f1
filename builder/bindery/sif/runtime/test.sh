#!/bin/sh
# Singularity before 3.6 calls this for `test`; later ones do the same themselves.
for script in /.singularity.d/env/*.sh; do
    [ ! -f "$script" ] || . "$script"
done
unset script
if [ -x "/scif/apps/${SINGULARITY_APPNAME:-}/scif/test" ]; then
    exec "/scif/apps/$SINGULARITY_APPNAME/scif/test" "$@"
fi
if [ -z "${SINGULARITY_APPNAME:-}" ] && [ -x /.singularity.d/test ]; then
    exec /.singularity.d/test "$@"
fi
