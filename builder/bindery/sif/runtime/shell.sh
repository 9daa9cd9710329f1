#!/bin/sh
# Singularity before 3.6 calls this for `shell`; later ones do the same themselves.
for script in /.singularity.d/env/*.sh; do
    [ ! -f "$script" ] || . "$script"
done
unset script
if [ -n "${SINGULARITY_SHELL:-}" ] && [ -x "$SINGULARITY_SHELL" ]; then
    exec "$SINGULARITY_SHELL" "$@"
fi
export PS1="Singularity ${SINGULARITY_NAME:-}:\\w> "
if [ -x /bin/bash ]; then
    export SHELL=/bin/bash
    exec /bin/bash --norc "$@"
fi
export SHELL=/bin/sh
exec /bin/sh "$@"
