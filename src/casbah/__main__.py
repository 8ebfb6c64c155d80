"""`python -m casbah` is the command line."""

from casbah.cli import main

main()
