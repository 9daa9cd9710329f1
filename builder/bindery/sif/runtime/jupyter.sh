#!/bin/sh
# jupyter, with the words that are given.
exec /.singularity.d/bindery/enter.sh jupyter "$@"
