#!/bin/sh
# Singularity before 3.6 calls this for `run`; later ones do the same themselves.
for script in /.singularity.d/env/*.sh; do
    [ ! -f "$script" ] || . "$script"
done
unset script
if [ -z "${SINGULARITY_APPNAME:-}" ]; then
    exec /.singularity.d/runscript "$@"
fi
if [ ! -x "/scif/apps/$SINGULARITY_APPNAME/scif/runscript" ]; then
    printf 'there is no app %s; apps: %s\n' "$SINGULARITY_APPNAME" "$(ls -m /scif/apps 2>/dev/null)" >&2
    exit 1
fi
exec "/scif/apps/$SINGULARITY_APPNAME/scif/runscript" "$@"
