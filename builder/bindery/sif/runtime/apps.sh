#!/bin/sh
# Where the app that was asked for is (https://sci-f.github.io).
if [ -n "${SINGULARITY_APPNAME:-}" ]; then
    export SINGULARITY_APPNAME
    export SCIF_APPS=/scif/apps
    export SCIF_APPROOT="/scif/apps/$SINGULARITY_APPNAME"
fi
