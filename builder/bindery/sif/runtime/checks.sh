#!/bin/sh
# The environment's Python starts, and is the environment's.
exec python -c '
import os, sys
sys.exit(0 if sys.prefix == os.environ["CONDA_PREFIX"] else "python is that of " + sys.prefix)
'
