"""`python -m inference.verify`: see `inference.diagnostics.verify`."""

import typer

from inference.diagnostics.verify.__main__ import main

if __name__ == "__main__":
    typer.run(main)
