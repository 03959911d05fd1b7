"""What holds for the package as a whole."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import skcomic

# From the ground up: a room imports only rooms before it.
ROOMS = (
    "_version", "folder", "_estimator", "_opening", "images", "cache", "duplicates", "catalogue",
    "checking", "datasets", "vectorizer", "checkpoints", "supervision", "_tensorflow", "convnet",
    "_training", "classifier", "workers", "progress", "scoring", "search", "halving", "modelfile",
    "_names", "_audit_network", "_audit_pipeline", "persistence", "prediction", "card", "results",
    "study", "displays", "report", "cli", "__main__",
)  # fmt: skip


def rooms_imported_by(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
            if node.module == "skcomic":
                names = [f"skcomic.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        found |= {name.split(".")[1] for name in names if name.startswith("skcomic.")}
    return found


def test_data_flows_one_way_through_the_rooms() -> None:
    root = Path(skcomic.__file__).parent
    files = {
        path: path.relative_to(root).parts[0].removesuffix(".py") for path in root.rglob("*.py")
    }
    assert set(files.values()) - {"__init__"} == set(ROOMS)
    for path, room in files.items():
        if room != "__init__":
            later = rooms_imported_by(path) - set(ROOMS[: ROOMS.index(room) + 1])
            assert not later, (path.name, later)


@pytest.mark.parametrize(
    ("statement", "heavy"),
    [
        ("import skcomic", {"tensorflow", "keras", "sklearn", "numpy"}),
        ("from skcomic import ImageVectorizer, load_catalogue", {"tensorflow", "keras"}),
        ("import skcomic.cli, skcomic.workers", {"tensorflow", "keras", "sklearn"}),
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
