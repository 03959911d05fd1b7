import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from skcomic import Study, TimeScoreDisplay, load, run_study
from skcomic.study.folder import finished_parts, prepare_folder, reset_folder
from skcomic.study.page import write_study

SETTINGS = {"drawn_pairs": 24}


@pytest.fixture(scope="module")
def stages(faces: pd.DataFrame) -> dict[str, Study]:
    """The study as it stands at the end of each stage."""
    import dataclasses

    seen = {}

    def keep(progress):
        if progress.finished:
            seen[progress.stage] = dataclasses.replace(progress.study)

    run_study(
        faces, sizes=(12, 10), n_candidates=2, epochs=1, final_epochs=1, n_jobs=1, on_progress=keep
    )
    return seen


def test_parts_are_written_as_their_stage_ends(stages: dict[str, Study], tmp_path: Path) -> None:
    prepare_folder(tmp_path, SETTINGS)
    written = []
    for stage in ("split", "search", "sizes", "test"):
        write_study(stages[stage], tmp_path)
        written.append(set(finished_parts(tmp_path)))
    assert written[0] == set()
    assert written[1] == {"candidates.csv", "figures/search.png"}
    assert written[2] == written[1] | {"sizes.csv", "figures/sizes.png"}
    assert written[3] == written[2] | {"study.json", "report.html", "model.skcomic", "card.md"}
    assert not list(tmp_path.rglob(".*"))  # no temporary file is left


def test_files_hold_the_numbers(
    stages: dict[str, Study], faces: pd.DataFrame, tmp_path: Path
) -> None:
    study = stages["test"]
    prepare_folder(tmp_path, SETTINGS)
    write_study(study, tmp_path)

    numbers = json.loads((tmp_path / "study.json").read_text())
    assert numbers == json.loads(json.dumps(study.to_dict()))
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "candidates.csv"), study.candidates)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "sizes.csv"), study.sizes)
    for figure in ("search", "sizes"):
        with Image.open(tmp_path / "figures" / f"{figure}.png") as image:
            assert image.width > 800
    page = (tmp_path / "report.html").read_text()
    for text in (study.test["net"], "LogisticRegression", "data:image/png;base64,", "16 images"):
        assert text in page
    assert f"{study.test['f_score']:.4f}" in page
    card = (tmp_path / "card.md").read_text()
    assert f"| {study.test['net']} | {study.test['precision']:.4f} |" in card
    assert "48 images of 2 classes, 24 pairs" in card
    right = sum(study.test["confusion"][i][i] for i in range(2))
    assert f" | {right / 16:.4f} | " in card
    probabilities = load(tmp_path / "model.skcomic").predict_proba(faces.path)
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


def test_another_study_is_overwritten_only_by_force(
    stages: dict[str, Study], tmp_path: Path
) -> None:
    prepare_folder(tmp_path, SETTINGS)
    write_study(stages["test"], tmp_path)
    (tmp_path / "drawn").mkdir()
    (tmp_path / "notes.txt").write_text("mine")

    with pytest.raises(FileExistsError, match=r"holds a study already; name another .* --force"):
        prepare_folder(tmp_path, SETTINGS)
    assert finished_parts(tmp_path)

    prepare_folder(tmp_path, {"drawn_pairs": 9}, force=True)
    assert not (tmp_path / "drawn").exists()
    assert finished_parts(tmp_path)  # until it is sure that the new study can begin
    assert json.loads((tmp_path / "settings.json").read_text()) == SETTINGS

    reset_folder(tmp_path, {"drawn_pairs": 9})
    assert finished_parts(tmp_path) == []
    assert json.loads((tmp_path / "settings.json").read_text()) == {"drawn_pairs": 9}
    assert (tmp_path / "notes.txt").read_text() == "mine"

    prepare_folder(tmp_path, SETTINGS)  # a study without a finished part may be overwritten


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
    with largest_file(10_000), pytest.raises(OSError, match=r"cannot write it.*search\.png"):
        write_study(stages["search"], tmp_path)
    assert (tmp_path / "figures" / "search.png").read_bytes() == before
    assert not list((tmp_path / "figures").glob(".*"))
