"""The examples of the docstrings and of the README, run as they stand."""

import doctest
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import docutils.core
import docutils.nodes
import pytest

import skcomic

README = Path(__file__).parent.parent / "README.rst"
MODULES = [
    module.name
    for module in pkgutil.walk_packages(skcomic.__path__, "skcomic.")
    if module.name != "skcomic.__main__"
]


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name: str) -> None:
    results = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert results.failed == 0


def test_most_public_functions_have_an_example() -> None:
    finder = doctest.DocTestFinder()
    examples = [
        test.name
        for name in MODULES
        for test in finder.find(importlib.import_module(name))
        if test.examples
    ]
    assert len(examples) >= 12


def test_readme(tmp_path: Path) -> None:
    code = re.search(r"code-block:: python\n\n((?:    .*\n|\n)+)", README.read_text())[1]
    program = "\n".join(line.removeprefix("    ") for line in code.splitlines())
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    scores, choice = result.stdout.splitlines()
    assert len(re.findall(r"[01]\.\d*", scores)) == 2
    assert "classify__pooling" in choice
    assert "comics" in choice or "faces" in choice


def test_readme_names_the_two_commands() -> None:
    first_screen = README.read_text().splitlines()[:40]
    commands = [line.strip() for line in first_screen if "pip install" in line]
    assert commands == [
        'pip install ".[study]" && skcomic study',
        'pip install ".[tests]" && pytest -n 2',
    ]


def test_readme_is_well_formed() -> None:
    settings = {"report_level": 5, "halt_level": 2, "syntax_highlight": "none"}
    document = docutils.core.publish_doctree(README.read_text(), settings_overrides=settings)
    uris = [node["uri"] for node in document.findall(docutils.nodes.image)]
    uris += [node["refuri"] for node in document.findall(docutils.nodes.reference)]
    assert len(uris) == 6
    for uri in uris:
        assert (README.parent / uri).exists()
