"""Running the command, for several test modules."""

import subprocess
import sys

import pytest

from skcomic.cli import app

SKCOMIC = [sys.executable, "-m", "skcomic"]
QUICK = ["--contenders", "report", "--candidates", "2", "--epochs", "1", "--final-epochs", "1"]
QUICK += ["--sizes", "12"]


def run(*arguments: object, **settings) -> subprocess.CompletedProcess[str]:
    """Run it in a process of its own."""
    command = [*SKCOMIC, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **settings)


def ended_with(*arguments: object) -> int:
    """Run it in this process; return its exit code."""
    with pytest.raises(SystemExit) as ended:
        app([str(argument) for argument in arguments])
    return ended.value.code
