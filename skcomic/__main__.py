"""``python -m skcomic`` and the command ``skcomic``."""

import sys


def main() -> None:
    """Run the command line."""
    try:
        from skcomic.cli import app
    except ModuleNotFoundError as error:
        if error.name not in ("typer", "rich"):
            raise
        sys.exit('skcomic: the command line needs more packages: pip install "skcomic[study]"')
    app(prog_name="skcomic")


if __name__ == "__main__":
    main()
