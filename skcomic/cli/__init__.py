"""The command line: every option is an argument of a public function."""

from skcomic.cli import data, models, study  # each adds its commands
from skcomic.cli._app import app

__all__ = ["app", "data", "models", "study"]
