#!/bin/sh
# JupyterLab, or the command that is given. What begins with - is for JupyterLab, and so is a folder or a notebook.
case ${1:-} in
'' | -* | *.ipynb) ;;
*)
    if [ ! -d "$1" ]; then
        exec /.singularity.d/bindery/enter.sh "$@"
    fi
    ;;
esac
if ! command -v jupyter-lab >/dev/null; then
    printf 'the environment %s has no jupyterlab\n  fix: add it and lock again, or name a command\n' \
        "${BINDERY_ENVIRONMENT:-}" >&2
    exit 3
fi
exec /.singularity.d/bindery/enter.sh python /.singularity.d/bindery/lab.py "$@"
