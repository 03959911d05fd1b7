"""The command line: options -> arguments of public functions, results -> text and files.

Words typed in a shell come in; out go lines, tables, bars, CSV files and exit codes. Every option
is an argument of a public function.
"""

from skcomic.cli import data, evaluate, export, models, study  # each adds its commands
from skcomic.cli._app import app

__all__ = ["app", "data", "evaluate", "export", "models", "study"]
