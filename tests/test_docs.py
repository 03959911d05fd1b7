"""The pages of the site: what building it does not see."""

import doctest
import pkgutil
import re
from itertools import takewhile
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

import skcomic
import skcomic.datasets
from skcomic import load
from skcomic.datasets import make_comic_faces

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [*DOCS.glob("*.rst"), *DOCS.glob("guide/*.rst")]


def test_every_public_name_is_in_the_reference() -> None:
    public = {*skcomic.__all__, *(f"datasets.{name}" for name in skcomic.datasets.__all__)}
    lines = (DOCS / "api.rst").read_text().splitlines()
    listed = [line.strip() for line in lines if re.fullmatch(r"   [\w.]+", line)]
    listed += [line.removeprefix(".. data:: ") for line in lines if line.startswith(".. data:: ")]
    assert sorted(listed) == sorted(public - {"__version__", "datasets"})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_sessions_of_pages(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # pages draw their images into the folder that they are read in
    session = doctest.DocTestParser().get_doctest(
        page.read_text(), {}, page.stem, str(page), lineno=0
    )
    runner = doctest.DocTestRunner(NumberChecker(), optionflags=doctest.ELLIPSIS)
    assert runner.run(session).failed == 0


# For output whose numbers depend on versions and processors.
NUMBERS_VARY = doctest.register_optionflag("NUMBERS_VARY")


class NumberChecker(doctest.OutputChecker):
    """Compares all but the numbers, and where lines are broken, of output whose numbers vary."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        if optionflags & NUMBERS_VARY:
            want, got = (re.sub(r"\d+(\.\d+)?", "#", text) for text in (want, got))
            optionflags |= doctest.NORMALIZE_WHITESPACE
        return super().check_output(want, got, optionflags)


def test_only_numbers_may_vary() -> None:
    check = NumberChecker().check_output
    assert check("F 0.71 of 40\n", "F 0.6\nof 1\n", NUMBERS_VARY)
    assert not check("F 0.71\n", "R 0.71\n", NUMBERS_VARY)
    assert not check("F 0.71\n", "F 0.72\n", doctest.ELLIPSIS)


def take_code(page: str, name: str) -> str:
    """Return the code of a block of a page that has a `:name:`."""
    lines = (DOCS / page).read_text().split(f"   :name: {name}\n\n")[1].splitlines()
    return dedent("\n".join(takewhile(lambda line: line[:3].strip() == "", lines)))


def test_three_jobs_in_ten_lines_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_comic_faces(12, size=48, out_dir="photos", random_state=0, n_jobs=1)
    done: list[dict[str, Any]] = []
    for page, name in (
        ("guide/contenders.rst", "run-a-study"),
        ("guide/contenders.rst", "own-estimator"),
        ("guide/export.rst", "export-the-result"),
    ):
        code = take_code(page, name)
        assert len(list(filter(None, code.splitlines()))) < 10
        done.append({})
        exec(code, done[-1])
    study, own, exported = done
    assert study["study"].test["n"] == 8
    assert load("model.skcomic", runtime="light").classes_.tolist() == ["comics", "faces"]
    assert "forest" in own["study"].candidates.net.tolist()
    assert own["study"].candidates.failure.isna().all()
    assert exported["exported"].parity.n_others == 0
    assert Path("model.onnx").stat().st_size == exported["exported"].n_bytes


def test_the_files_that_contributors_are_sent_to_exist() -> None:
    words = re.findall(r"``([^`]+)``", (DOCS / "development.rst").read_text())
    is_file = re.compile(r"[\w./]+(/|\.(py|c|js|html|cfg|rst))")
    files = {word for word in words if is_file.fullmatch(word) and not word.startswith("dist/")}
    files -= {"benchmarks/NAME.py"}
    assert len(files) > 40
    below = (ROOT, ROOT / "skcomic")
    assert [file for file in files if not any((place / file).exists() for place in below)] == []


@pytest.mark.parametrize(
    "inventory", [*DOCS.glob("inventories/*.txt")], ids=lambda file: file.stem
)
def test_names_of_other_libraries_exist(inventory: Path) -> None:
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401

    lines = inventory.read_text().splitlines()
    names = [line.split()[0] for line in lines if not line.startswith("#")]
    assert names == sorted(names)
    for name in names:
        pkgutil.resolve_name(name)
