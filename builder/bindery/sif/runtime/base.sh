#!/bin/sh
# Where --nv and --rocm put the libraries of the host's graphics processors.
export LD_LIBRARY_PATH="${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}/.singularity.d/libs"
