#!/bin/sh
# papermill, with the words that are given; -o FILE names the output wherever it stands among them.
if ! command -v papermill >/dev/null; then
    printf 'the environment %s has no papermill, which executes notebooks\n  fix: add it and lock again\n' \
        "${BINDERY_ENVIRONMENT:-}" >&2
    exit 3
fi
output=
left=$#
while [ "$left" -gt 0 ]; do
    word=$1
    shift
    left=$((left - 1))
    case $word in
    -o | --output)
        if [ "$left" -eq 0 ]; then
            printf '%s: names no file\n  fix: x.ipynb -p n 10 -o out.ipynb\n' "$word" >&2
            exit 2
        fi
        output=$1
        shift
        left=$((left - 1))
        ;;
    --output=*) output=${word#*=} ;;
    *) set -- "$@" "$word" ;;
    esac
done
exec /.singularity.d/bindery/enter.sh papermill "$@" ${output:+"$output"}
