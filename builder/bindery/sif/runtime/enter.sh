#!/bin/sh
# Starts a command as the image's entrypoint does in a container, but in no login shell: the home is the host's, and so
# is the profile in it.
if [ -n "${BINDERY_WITHDRAWN:-}" ]; then
    printf '%s\n' "$BINDERY_WITHDRAWN" >&2
fi

# --no-home, --contain, or a user whose home does not exist on the nodes. One folder for all that run beside each other.
if [ ! -d "${HOME:-}" ] || [ ! -w "$HOME" ]; then
    home=${TMPDIR:-/tmp}/home-$(id -u)
    mkdir -m 700 "$home" 2>/dev/null
    # Somebody else may have made it first.
    if [ ! -d "$home" ] || [ -L "$home" ] || [ ! -O "$home" ]; then
        home=$(mktemp -d "$home-XXXXXX") || exit 1
    fi
    printf '%s cannot be written; HOME is %s\n' "${HOME:-HOME}" "$home" >&2
    export HOME="$home"
fi

if [ -n "${R2D_ENTRYPOINT:-}" ]; then
    set -- "$R2D_ENTRYPOINT" "$@"
fi
exec "$@"
