"""Say what is in force around this process: `python -m device.protections`. It changes nothing."""

import typer

from device.protections import look

if __name__ == "__main__":
    typer.echo(str(look()))
