# Sources one activation script, its only argument, and says on stdout what it may not do, a line each; then two NULs and
# the environment. Run by bindery.prefixes.activation, in an empty environment, with a PATH of programs that only read.
exec 9>&1

command_not_found_handle() { echo "it runs $1" >&9; return 127; }

# An image's prefix cannot be written by whoever is in it, whoever works this out.
function [ {
    if builtin test "$1" = -w; then return 1; fi
    if builtin test "$1 $2" = "! -w"; then return 0; fi
    builtin [ "$@"
}
test() { [ "$@" ]; }

_bindery_look() {
    local first=${1%%[[:space:]]*}
    case $1 in
        '. "$1" > /dev/null 2>&1 < /dev/null' | 'trap - DEBUG') return ;; # this script's own
    esac
    case $first in
        . | source) echo "it reads another script" >&9 ;;
        exec | trap | alias) echo "it says $first" >&9 ;;
        command | hash | type) echo "it asks for programs" >&9 ;;
        *=*) ;;
        */*) echo "it runs $first" >&9 ;;
    esac
}

/bin/bash -n "$1" 2> /dev/null || { echo "bash cannot read it"; exit 1; }
set -T
trap '_bindery_look "$BASH_COMMAND"' DEBUG
. "$1" > /dev/null 2>&1 < /dev/null
trap - DEBUG
for name in $(compgen -A function); do
    case $name in
        '[' | test | command_not_found_handle | _*) ;;
        *) echo "it defines the function $name" >&9 ;;
    esac
done
printf '\0\0' >&9
exec /usr/bin/env -0 >&9
