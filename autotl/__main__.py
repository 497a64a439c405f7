"""python -m autotl."""

from autotl.cli.main import main

main()
