"""What holds for the package as a whole."""

import ast
import subprocess
import sys
from pathlib import Path
from statistics import median

import pytest

import skcomic

ROOT = Path(skcomic.__file__).parent
SETTINGS = Path(__file__).parent.parent / "setup.cfg"


def test_data_flows_one_way_through_the_rooms() -> None:
    """import-linter says so, by the contracts in setup.cfg."""
    program = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())"
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=SETTINGS.parent, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout
    assert "Contracts: 3 kept, 0 broken." in result.stdout


def test_one_idea_per_file() -> None:
    assert {path.name for path in ROOT.glob("*.py")} == {
        "__init__.py", "__main__.py", "_version.py", "_csv.py", "_estimator.py", "_files.py"
    }  # fmt: skip
    lengths = {path: len(path.read_text().splitlines()) for path in ROOT.rglob("*.py")}
    assert {path.name: length for path, length in lengths.items() if length > 450} == {}
    assert median(lengths.values()) < 200


def test_one_job_per_function() -> None:
    long = {}
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                first = body[0].lineno if body else node.end_lineno
                signature = node.body[0].lineno - node.lineno
                length = node.end_lineno - first + 1 + signature
                if length > 60:
                    long[f"{path.name}:{node.name}"] = length
    assert long == {}


@pytest.mark.parametrize(
    ("statement", "heavy"),
    [
        ("import skcomic", {"tensorflow", "keras", "sklearn", "numpy"}),
        ("from skcomic import ImageVectorizer, load_catalogue", {"tensorflow", "keras"}),
        ("import skcomic.cli, skcomic.nets.workers", {"tensorflow", "keras", "sklearn"}),
    ],
)
def test_import_leaves_heavy_libraries_alone(statement: str, heavy: set[str]) -> None:
    program = f"{statement}\nimport sys; print(set(sys.modules) & {heavy})"
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stdout == "set()\n"


def test_public_names_are_there_and_documented() -> None:
    assert len(skcomic.__all__) > 15
    for name in skcomic.__all__:
        thing = getattr(skcomic, name)
        if callable(thing):
            assert thing.__doc__, name
    assert skcomic.__version__ == "0.1.0"
