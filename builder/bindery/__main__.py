"""``python -m bindery`` is ``bindery``."""

from bindery.cli import main

main()
