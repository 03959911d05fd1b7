import dataclasses
import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from markupsafe import escape
from PIL import Image

import skcomic.study.page
from skcomic import Study, StudySettings, TimeScoreDisplay, load, run_study
from skcomic._csv import safe_cell
from skcomic.study.folder import (
    finish_study,
    finished_parts,
    is_finished,
    prepare_folder,
    read_settings,
    reset_folder,
)
from skcomic.study.page import write_study
from skcomic.study.plan import plan_study
from skcomic.study.sentences import describe_call

SETTINGS = {"drawn_pairs": 24}


@pytest.fixture(scope="module")
def stages(faces: pd.DataFrame) -> dict[str, Study]:
    """The study as it stands at the end of each stage."""
    seen = {}

    def keep(progress):
        if progress.finished:
            seen[progress.stage] = dataclasses.replace(progress.study)

    run_study(
        faces, contenders="report", sizes=(12, 10), n_candidates=2, epochs=1, final_epochs=1,
        n_jobs=1, on_progress=keep,
    )  # fmt: skip
    return seen


@pytest.fixture(scope="module")
def written(stages: dict[str, Study], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the whole study, which no test may change."""
    folder = tmp_path_factory.mktemp("written")
    prepare_folder(folder, SETTINGS)
    assert write_study(stages["baselines"], folder) == []
    return folder


def test_parts_are_written_as_their_stage_ends(stages: dict[str, Study], tmp_path: Path) -> None:
    prepare_folder(tmp_path, SETTINGS)
    written = []
    pages = []
    drawn: dict = {}
    for stage in ("split", "search", "sizes", "test", "baselines"):
        assert write_study(stages[stage], tmp_path, drawn=drawn) == []
        written.append(set(finished_parts(tmp_path)))
        pages.append((tmp_path / "report.html").read_text())
    assert written[0] == {"report.html"}
    assert written[1] == written[0] | {"candidates.csv", "figures/search.png"}
    assert written[2] == written[1] | {"sizes.csv", "figures/sizes.png"}
    assert written[3] == written[2] | {
        "predictions.csv", "figures/answers.png", "figures/robustness.png",
        "figures/abstention.png", "figures/history.png", "figures/occlusion.png",
    }  # fmt: skip
    assert written[4] == written[3] | {"study.json", "model.skcomic", "card.md"}
    assert ["This study is not finished" in page for page in pages] == [True] * 4 + [False]
    assert ["1. The search" in page for page in pages] == [False] + [True] * 4
    assert ["LogisticRegression" in page for page in pages] == [False] * 4 + [True]
    assert not list(tmp_path.rglob(".*"))  # no temporary file is left


def test_files_hold_the_numbers(
    stages: dict[str, Study], faces: pd.DataFrame, written: Path
) -> None:
    study = stages["baselines"]
    numbers = json.loads((written / "study.json").read_text())
    assert numbers == json.loads(json.dumps(study.to_dict()))
    for name, frame in (("candidates", study.candidates), ("sizes", study.sizes)):
        read = pd.read_csv(written / f"{name}.csv")
        pd.testing.assert_frame_equal(read, frame.astype({"excluded": float}))
    for figure in ("search", "sizes"):
        with Image.open(written / "figures" / f"{figure}.png") as image:
            assert image.width > 800
    page = (written / "report.html").read_text()
    for text in (
        study.test["net"],
        "LogisticRegression",
        "data:image/svg+xml;base64,",
        "16 images",
    ):
        assert text in page
    assert page.count("<img alt=") == page.count("<img")
    assert '<td class="text">JPEG</td><td>48</td><td>48 x 48</td>' in page
    assert f"<pre><code>{escape(describe_call(study))}</code></pre>" in page
    assert f"{study.test['f_score']:.4f}" in page
    card = (written / "card.md").read_text()
    assert f"| {study.test['net']} | {study.test['precision']:.4f} |" in card
    assert "48 images of 2 classes, 24 pairs" in card
    right = sum(study.test["confusion"][i][i] for i in range(2))
    assert f" | {right / 16:.4f} | " in card
    predictions = pd.read_csv(written / "predictions.csv")
    pd.testing.assert_frame_equal(predictions, study.predictions, check_dtype=False)
    assert (predictions.predicted == predictions.label).sum() == right
    probabilities = load(written / "model.skcomic").predict_proba(faces.path)
    assert np.array_equal(probabilities, study.pipeline.predict_proba(faces.path))


def test_displays_come_from_the_study(stages: dict[str, Study]) -> None:
    display = stages["test"].display("sizes")
    assert isinstance(display, TimeScoreDisplay)
    net = stages["test"].chosen_net
    assert display.nets == [f"{net}_12", f"{net}_10"]
    assert display.chosen == f"{net}_{stages['test'].chosen_size}"
    search = stages["search"].display("search")
    assert search.nets == stages["search"].candidates.net.tolist()
    assert search.chosen == stages["search"].chosen_net
    assert search.costs.tolist() == stages["search"].candidates.cpu_seconds.tolist()
    with pytest.raises(ValueError, match="has not finished its stage 'search'"):
        stages["split"].display()
    with pytest.raises(ValueError, match="has not finished its stage 'sizes'"):
        stages["search"].display("sizes")
    with pytest.raises(ValueError, match="stage must be"):
        stages["test"].display("colours")


def test_a_figure_is_drawn_again_only_if_its_numbers_are_others(
    stages: dict[str, Study], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare_folder(tmp_path, SETTINGS)
    drawn: dict = {}
    files = {}
    for stage in ("search", "test", "baselines"):
        write_study(stages[stage], tmp_path, drawn=drawn)
        files[stage] = (tmp_path / "figures" / "search.png").stat().st_ino
    assert len(set(files.values())) == 1
    assert set(drawn) == {name for name in finished_parts(tmp_path) if name.startswith("figures")}
    page = (tmp_path / "report.html").read_text()
    assert page.count("data:image/svg+xml") == len(drawn)
    # Of thousands of images, a p-value is less than the least number there is.
    tested = stages["baselines"].test
    comparison = tested["comparisons"][0] | {"p_value": 0.0}
    certain = dataclasses.replace(stages["baselines"], test=tested | {"comparisons": [comparison]})
    write_study(certain, tmp_path, drawn=drawn)
    assert "test:\np &lt; 1e-16.</li>" in (tmp_path / "report.html").read_text()
    changed = dataclasses.replace(stages["search"], candidates=stages["search"].candidates.copy())
    write_study(changed, tmp_path, drawn=drawn)
    assert (tmp_path / "figures" / "search.png").stat().st_ino != files["search"]
    # A figure of other numbers is not shown where the new one could not be drawn.
    monkeypatch.setattr(skcomic.study.page, "make_figure", None)
    failures = write_study(stages["search"], tmp_path, drawn=drawn)
    assert failures[0].startswith("figures/search.png could not be made")
    assert "data:image/svg+xml" not in (tmp_path / "report.html").read_text()


def test_the_call_that_is_shown_repeats_the_study(
    stages: dict[str, Study], faces: pd.DataFrame
) -> None:
    study, given = stages["baselines"], []
    call = describe_call(study)
    eval(call, {"catalogue": faces, "run_study": lambda _, **kwargs: given.append(kwargs)})
    assert plan_study(faces, given[0], 1).settings == study.settings
    assert describe_call(dataclasses.replace(study, settings=StudySettings())) == (
        "run_study(catalogue)"
    )


def test_another_study_is_overwritten_only_by_force(
    stages: dict[str, Study], written: Path, tmp_path: Path
) -> None:
    shutil.copytree(written, tmp_path, dirs_exist_ok=True)
    (tmp_path / "drawn").mkdir()
    (tmp_path / "notes.txt").write_text("mine")

    with pytest.raises(FileExistsError, match=r"holds a study already; name another .* --force"):
        prepare_folder(tmp_path, SETTINGS)
    assert finished_parts(tmp_path)

    before = contents(tmp_path)
    working = prepare_folder(tmp_path, {"drawn_pairs": 9}, force=True)
    assert working != tmp_path
    assert read_settings(tmp_path) == {"drawn_pairs": 9}
    reset_folder(working, {"drawn_pairs": 9}, reset=True)
    drawn: dict = {}
    for stage in ("split", "search", "sizes", "test"):
        write_study(stages[stage], working, drawn=drawn)
        finish_study(tmp_path)
        assert before.items() <= contents(tmp_path).items()

    with pytest.raises(FileExistsError, match=r"holds a study that is not finished; .* --resume"):
        prepare_folder(tmp_path, SETTINGS)
    assert prepare_folder(tmp_path, {"drawn_pairs": 9}, resume=True) == working

    quarantined = dataclasses.replace(stages["baselines"], chosen_net="another")
    write_study(quarantined, working, drawn=drawn)
    (working / "checkpoints").mkdir()
    finish_study(tmp_path)
    assert json.loads((tmp_path / "study.json").read_text())["chosen_net"] == "another"
    assert json.loads((tmp_path / "settings.json").read_text()) == {"drawn_pairs": 9}
    assert not (tmp_path / "drawn").exists()
    assert not (tmp_path / "checkpoints").exists()
    assert not working.exists()
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert contents(tmp_path).keys() == before.keys()


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.relative_to(folder).parts[0].startswith(".")
    }


@pytest.fixture(scope="module")
def replaced(
    stages: dict[str, Study], written: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A study, with quarantine, and in its folder the finished one that is to replace it."""
    folder = Path(shutil.copytree(written, tmp_path_factory.mktemp("replaced") / "out"))
    quarantined = dataclasses.replace(stages["split"], quarantine=stages["sizes"].sizes)
    write_study(quarantined, folder)
    assert (folder / "quarantine.csv").exists()
    working = prepare_folder(folder, {"drawn_pairs": 9}, force=True)
    (working / "drawn").mkdir()
    write_study(dataclasses.replace(stages["baselines"], chosen_net="another"), working)
    return folder


@pytest.mark.parametrize(
    "n_calls",
    [pytest.param(n, marks=[] if n % 5 == 0 else pytest.mark.slow) for n in range(11)],
)
def test_a_replacement_that_is_killed_is_completed(
    replaced: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_calls: int
) -> None:
    """At any point there is one whole study: the former one, or the new one after another call."""
    shutil.copytree(replaced, tmp_path, dirs_exist_ok=True)
    n_left = iter(range(n_calls))

    def replace_or_die(self, target):
        if next(n_left, None) is None:
            raise KeyboardInterrupt
        os.replace(self, target)  # noqa: PTH105

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replace_or_die)
        patch.setattr(Path, "rename", replace_or_die)
        try:
            finish_study(tmp_path)
        except KeyboardInterrupt:
            pass
        else:
            assert n_calls == 10  # the folder and its nine entries
    finish_study(tmp_path)
    assert json.loads((tmp_path / "study.json").read_text())["chosen_net"] == "another"
    assert json.loads((tmp_path / "settings.json").read_text()) == {"drawn_pairs": 9}
    assert not (tmp_path / "quarantine.csv").exists()
    assert (tmp_path / "drawn").is_dir()
    assert not list(tmp_path.glob(".[nm]*"))
    assert is_finished(tmp_path)


def test_what_is_no_study_is_never_touched(tmp_path: Path) -> None:
    (tmp_path / "study.json").write_text("mine")
    with pytest.raises(FileExistsError, match="holds other files than those of a study"):
        prepare_folder(tmp_path, SETTINGS, force=True)
    with pytest.raises(FileExistsError, match="is a file"):
        prepare_folder(tmp_path / "study.json", SETTINGS)
    assert (tmp_path / "study.json").read_text() == "mine"


def test_images_inside_the_results_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="lie inside the folder for the results"):
        prepare_folder(tmp_path / "out", SETTINGS, root=tmp_path / "out" / "drawn", force=True)


def test_a_full_disk_names_the_file_and_leaves_the_former_one(
    stages: dict[str, Study], tmp_path: Path, largest_file
) -> None:
    prepare_folder(tmp_path, SETTINGS)
    write_study(stages["search"], tmp_path)
    before = (tmp_path / "figures" / "search.png").read_bytes()
    with largest_file(10_000):
        failures = write_study(stages["search"], tmp_path)
    assert [re.match(r"(\S+) could not be made: OSError: .*cannot write it", failure)[1]
            for failure in failures] == ["figures/search.png", "report.html"]  # fmt: skip
    assert (tmp_path / "figures" / "search.png").read_bytes() == before
    assert not list((tmp_path / "figures").glob(".*"))
    with largest_file(100), pytest.raises(OSError, match=r"cannot write it.*candidates\.csv"):
        write_study(stages["search"], tmp_path)


def test_a_page_that_fails_costs_neither_numbers_nor_model(
    stages: dict[str, Study], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no font")

    prepare_folder(tmp_path, SETTINGS)
    for name in ("make_figure", "_render", "render_card"):
        monkeypatch.setattr(skcomic.study.page, name, fail)
    failures = write_study(stages["baselines"], tmp_path)
    assert [failure.split()[0] for failure in failures] == [
        "figures/search.png", "figures/sizes.png", "figures/answers.png",
        "figures/robustness.png", "figures/abstention.png", "figures/occlusion.png",
        "figures/history.png", "report.html", "card.md",
    ]  # fmt: skip
    assert failures[0] == "figures/search.png could not be made: RuntimeError: no font"
    assert set(finished_parts(tmp_path)) == {
        "candidates.csv", "sizes.csv", "predictions.csv", "study.json", "model.skcomic",
    }  # fmt: skip
    assert load(tmp_path / "model.skcomic").classes_.tolist() == ["comics", "faces"]


def test_formulas_in_names_are_no_formulas_in_tables(
    stages: dict[str, Study], tmp_path: Path
) -> None:
    prepare_folder(tmp_path, SETTINGS)
    row = {
        "path": "/a.jpg",
        "label": "=1+1",
        "pair": "@x",
        "kind": "empty",
        "reason": "-",
        "n": -1,
    }
    study = dataclasses.replace(stages["split"], quarantine=pd.DataFrame([row]))
    write_study(study, tmp_path)
    cells = (tmp_path / "quarantine.csv").read_text().splitlines()[1]
    assert cells == "/a.jpg,'=1+1,'@x,empty,'-,-1"
    assert [safe_cell(text) for text in ("-1", "+1.5", "a=b", "-1+2")] == [
        "-1", "+1.5", "a=b", "'-1+2",
    ]  # fmt: skip


def test_a_study_is_one_table_and_shows_itself_in_a_notebook(stages: dict[str, Study]) -> None:
    study = stages["baselines"]
    frame = study.to_frame()
    assert frame.stage.tolist() == ["search"] * len(study.candidates) + ["sizes"] * 2
    assert frame.net.tolist() == [*study.candidates.net, *study.sizes.net]
    assert stages["split"].to_frame().empty
    assert set(stages["search"].to_frame().stage) == {"search"}
    assert len(study.display_occlusion().maps) == len(study.occlusion) > 0
    for row in study.occlusion:
        assert row["image"].shape == row["decrease"].shape == (study.chosen_size,) * 2
    assert study.history["loss"] == study.pipeline[-1].history_["loss"]
    with pytest.raises(ValueError, match="has not measured which part"):
        stages["sizes"].display_occlusion()
    shown = study._repr_html_()
    low, high = study.test["interval"]["f_score"]
    assert f"F-score {study.test['f_score']:.3f} ({low:.3f} to {high:.3f})" in shown
    assert shown.count("<tr") == 4  # the head, the choice and two baselines
    assert stages["sizes"]._repr_html_().startswith("<p>A study that has finished split, search")
    own = {**study.test, "net": "<script>alert(1)</script>"}
    assert "<script>" not in dataclasses.replace(study, test=own)._repr_html_()
