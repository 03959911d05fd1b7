"""What holds for the package as a whole."""

import subprocess
import sys

import pytest

import skcomic


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
