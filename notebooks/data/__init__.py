"""The inputs of the notebooks beside this folder, made on the spot: nothing is downloaded.

One module per notebook: ``gmet``, ``timeseries`` and ``ndvi``. Each writes its input in the size that is asked for,
from small to the size shown in the talk, and each has a command line: ``python -m data.gmet --help``.
"""
