import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

import skcomic.study.plan
import skcomic.study.run
from skcomic import (
    ImageReadError,
    Study,
    StudyProgress,
    load_catalogue,
    make_contenders,
    run_study,
)
from skcomic.evidence.evaluation import choose_positive
from skcomic.study.stages import compute_saving

RECORD = {
    "net", "first_units", "pooling", "n_conv", "size", "train_f_score", "validation_f_score",
    "cpu_seconds", "wall_seconds", "multiply_adds", "parameters",
}  # fmt: skip

SMALL = {
    "sizes": (16, 12),
    "contenders": "report",
    "n_candidates": 2,
    "epochs": 2,
    "final_epochs": 3,
    "final_batch_size": 8,
    "cost": "multiply_adds",
}
ONE_NET = {"8_max_1": make_contenders(12, random_state=0)["8_max_1"]}
ONE_NET["8_max_1"].set_params(classify__epochs=1)


@pytest.fixture(scope="module")
def reported() -> list[StudyProgress]:
    return []


@pytest.fixture(scope="module")
def study(faces: pd.DataFrame, reported: list[StudyProgress]) -> Study:
    def report(progress: StudyProgress) -> None:
        reported.append(dataclasses.replace(progress, study=dataclasses.replace(progress.study)))

    return run_study(faces, **SMALL, n_jobs=2, on_progress=report)


class Enough(Exception):
    """Ends a study once it has split its images."""


@pytest.fixture
def split_of(monkeypatch: pytest.MonkeyPatch):
    """Run the first stage of a study only; give its numbers and the parts."""

    def run(catalogue: pd.DataFrame, **settings) -> tuple[Study, dict[str, pd.DataFrame]]:
        seen = []

        def keep(contenders, parts, settings, run):
            seen.append(dict(parts))
            raise Enough

        def report(progress: StudyProgress) -> None:
            seen.append(progress.study)

        monkeypatch.setattr(skcomic.study.run, "search", keep)
        with pytest.raises(Enough):
            run_study(catalogue, **SMALL | settings, on_progress=report)
        return tuple(seen)

    return run


def test_holds_every_number(study: Study) -> None:
    numbers = study.to_dict()

    assert numbers["catalogue"] == {"images": 48, "labels": 2, "pairs": 24}
    assert numbers["split"] == {"train": 22, "validation": 10, "test": 16, "search": 12}
    assert len(numbers["candidates"]) == 2
    assert {row["pooling"] for row in numbers["candidates"]} == {"average", "max"}
    for row in numbers["candidates"] + numbers["sizes"]:
        assert set(row) >= RECORD
        assert row["net"] == f"{row['first_units']}_{row['pooling']}_{row['n_conv']}"
        assert row["cpu_seconds"] > 0
    assert {row["size"] for row in numbers["candidates"]} == {16}
    assert [row["size"] for row in numbers["sizes"]] == [16, 12]
    assert {row["net"] for row in numbers["sizes"]} == {study.chosen_net}
    assert study.chosen_size in (16, 12)
    assert numbers["test"]["net"] == f"{study.chosen_net}_{study.chosen_size}"
    assert numbers["test"]["n"] == 16
    assert [row["net"] for row in numbers["baselines"]] == [
        "DummyClassifier",
        "LogisticRegression",
    ]
    for row in [numbers["test"], *numbers["baselines"]]:
        assert all(0 <= row[score] <= 1 for score in ("precision", "recall", "f_score"))
    assert numbers["settings"]["precision"] == "auto"  # and so the last fit in float32
    assert study.pipeline["classify"].precision_ == "float32"
    assert numbers["settings"]["positive"] == "comics"
    assert {"python", "tensorflow", "scikit-learn"} <= set(numbers["versions"])
    assert numbers["seconds"] == sum(numbers["stage_seconds"].values()) > 0
    json.dumps(numbers, allow_nan=False)


def test_savings_are_shares_of_the_larger_size(study: Study) -> None:
    larger, smaller = study.sizes.to_dict(orient="records")
    assert (study.saving["from_size"], study.saving["to_size"]) == (16, 12)
    assert study.saving["cost_share"] == 1 - smaller["multiply_adds"] / larger["multiply_adds"]


@pytest.mark.parametrize(
    ("chosen", "to_size", "cost_share", "f_score_share"),
    [(32, 32, 0.75, 0.1), (64, 16, 0.9, 0.5), (16, 16, 0.9, 0.5)],
)
def test_savings_are_of_cost_and_f_score(chosen, to_size, cost_share, f_score_share) -> None:
    sizes = pd.DataFrame(
        {"size": [64, 32, 16, 128], "cpu_seconds": [8.0, 2.0, 0.8, np.nan],
         "validation_f_score": [0.9, 0.81, 0.45, np.nan], "failure": [np.nan] * 3 + ["killed"]}
    )  # fmt: skip
    assert compute_saving(sizes, chosen, "cpu_seconds") == pytest.approx(
        {"from_size": 64, "to_size": to_size, "cost_share": cost_share,
         "f_score_share": f_score_share}
    )  # fmt: skip
    nothing = sizes.assign(validation_f_score=0.0)
    assert compute_saving(nothing, chosen, "cpu_seconds")["f_score_share"] is None


@pytest.mark.slow
def test_a_study_by_halving(faces: pd.DataFrame) -> None:
    settings = SMALL | {"n_candidates": 4, "epochs": 3, "search": "halving"}
    settings |= {"sizes": (12,), "final_epochs": 1}
    study = run_study(faces, **settings, precision="float32", n_jobs=1)
    assert study.candidates.epochs.tolist() == [1, 1, 1, 1, 3, 3]
    in_full = study.candidates[study.candidates.epochs == 3]
    assert study.chosen_net in set(in_full.net)
    names = study.name_candidates().tolist()
    assert [name.endswith(" (1 epochs)") for name in names] == [True] * 4 + [False] * 2
    assert study.pipeline["classify"].precision_ == "float32"
    assert study.to_dict()["settings"]["search"] == "halving"


def test_the_pipeline_is_the_one_that_was_tested(study: Study, faces: pd.DataFrame) -> None:
    pipeline = study.pipeline
    assert pipeline["vectorize"].size == study.chosen_size
    assert pipeline["classify"].epochs == 3
    assert pipeline["classify"].callbacks is None
    assert pipeline["vectorize"].cache is None
    assert set(pipeline.predict(faces.path)) <= {"comics", "faces"}


def test_progress_is_reported_stage_by_stage_and_epoch_by_epoch(
    study: Study, reported: list[StudyProgress]
) -> None:
    finished = [progress for progress in reported if progress.finished]
    assert [progress.stage for progress in finished] == [
        "split", "search", "sizes", "test", "baselines",
    ]  # fmt: skip
    split, search, sizes, test, _ = finished
    assert split.study.candidates is None
    assert search.study.chosen_net == study.chosen_net
    assert search.study.sizes is None
    assert sizes.study.chosen_size == study.chosen_size
    assert sizes.study.test is None
    assert test.study.baselines is None
    counts = [progress.epochs for progress in reported]
    assert counts == sorted(counts)
    totals = [progress.total_epochs for progress in reported]
    assert totals == sorted(totals)
    assert set(totals) == {0, 2 * 2 + 3 * 3}  # not known before the search
    assert counts[-1] <= 13


def test_every_epoch_is_counted(study: Study, reported: list[StudyProgress]) -> None:
    # The last report comes from the watching thread when the fits are over.
    assert max(progress.epochs for progress in reported) == 13


def test_pairs_never_straddle(faces: pd.DataFrame, split_of) -> None:
    _, parts = split_of(faces)
    pairs = {name: set(part.pair) for name, part in parts.items()}
    assert not pairs["train"] & pairs["validation"]
    assert not pairs["train"] & pairs["test"]
    assert not pairs["validation"] & pairs["test"]
    assert pairs["search"] <= pairs["train"]
    for part in parts.values():
        assert part.label.value_counts().nunique() == 1  # noqa: PD101


def test_positive_class(faces: pd.DataFrame) -> None:
    assert choose_positive(["comics", "faces"], None) == "comics"
    assert choose_positive(["comics", "faces"], "faces") == "faces"
    assert choose_positive(["cat", "dog"], None) == "dog"
    assert choose_positive(["cat", "cow", "dog"], None) is None
    with pytest.raises(ValueError, match="positive='cow' is not one of the classes"):
        run_study(faces, positive="cow")


def test_three_classes_are_scored_by_macro_average(
    faces: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    tested = []
    fit_and_test = skcomic.study.run.fit_and_test

    def keep(chosen, temperature, parts, settings, run):
        tested.append(parts.test)
        return fit_and_test(chosen, temperature, parts, settings, run)

    monkeypatch.setattr(skcomic.study.run, "fit_and_test", keep)
    thirds = faces.assign(label=np.where(faces.pair < "pair_0012", faces.label, "others"))
    settings = SMALL | {"sizes": (12,), "contenders": ONE_NET, "validation": "holdout"}
    study = run_study(thirds, **settings, n_jobs=1)
    assert study.settings.positive is None
    assert study.pipeline["classify"].classes_.tolist() == ["comics", "faces", "others"]
    (images,) = tested
    predicted = study.pipeline.predict(images.path)
    expected = precision_recall_fscore_support(
        images.label, predicted, average="macro", zero_division=0
    )
    found = [study.test[score] for score in ("precision", "recall", "f_score")]
    assert found == pytest.approx(expected[:3])
    assert study.test["confusion"] == confusion_matrix(images.label, predicted).tolist()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"sizes": ()}, "sizes must be a sequence of one or more distinct ints"),
        ({"sizes": (64, 64)}, "sizes must be a sequence of one or more distinct ints"),
        ({"sizes": (64, 8)}, r"sizes must be .* each 10 or more, not \(64, 8\)"),
        ({"search_fraction": 0}, "search_fraction must be above 0"),
        ({"epochs": 0}, "epochs must be 1 or more, not 0"),
        ({"n_candidates": 5}, "n_candidates must be an even number from 2 to 12, .*, not 5"),
        ({"n_candidates": 14}, "n_candidates must be an even number from 2 to 12, .*, not 14"),
        ({"search": "grid"}, "search must be one of"),
        ({"on_bad": "delete"}, "on_bad must be one of"),
        ({"precision": "float16"}, "precision must be one of"),
        ({"cost": "money"}, "cost must be one of"),
        ({"contenders": "best"}, r"contenders must be one of \('all', 'report'\), or a dict"),
        ({"contenders": {}}, "contenders must be one of"),
        ({"max_predict_ms": 0}, "max_predict_ms must be a number above 0, not 0"),
        ({"max_model_kb": -1}, "max_model_kb must be a number above 0"),
        ({"max_ram_kb": 0}, "max_ram_kb must be a number above 0"),
        ({"max_fit_seconds": "1"}, "max_fit_seconds must be a number above 0"),
        ({"test_size": 2}, "test_size must be a share between 0 and 1"),
        ({"validation_size": 0}, "validation_size must be a share between 0 and 1, not 0"),
        ({"tolerance": -0.1}, "tolerance must be 0 or more, or 1se, not -0.1"),
        ({"random_state": -1}, "random_state must be an int of 0 or more, not -1"),
        ({"batch_size": 2.5}, "batch_size must be 1 or more, not 2.5"),
        ({"sizes": (16, "12")}, "sizes must be a sequence of one or more distinct ints"),
    ],
)
def test_senseless_settings_are_refused_at_once(
    faces: pd.DataFrame, setting: dict, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        run_study(faces, **SMALL | setting)


def test_misspelt_settings_are_refused_with_the_nearest_name(faces: pd.DataFrame) -> None:
    with pytest.raises(TypeError, match="no setting 'final_epoch'; did you mean 'final_epochs'"):
        run_study(faces, final_epoch=3)


def test_settings_are_validated_without_tensorflow() -> None:
    program = """
import sys
from skcomic import StudySettings
StudySettings(sizes=(32,), epochs=3)
print({"tensorflow", "keras", "sklearn"} & set(sys.modules))
"""
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stdout == "set()\n"


def test_bad_images_are_listed(faces: pd.DataFrame, tmp_path) -> None:
    bad = faces.copy()
    for i in (0, 47):
        path = tmp_path / f"{i}.jpg"
        path.write_text("no image")
        bad.loc[i, "path"] = str(path)
    with pytest.raises(ImageReadError, match=r"2 of 48 images cannot be read"):
        run_study(bad, **SMALL)


def faces_with_two_bad(faces_dir: Path, folder: Path) -> pd.DataFrame:
    shutil.copytree(faces_dir, folder)
    (folder / "comics" / "pair_0000.jpg").write_text("no image")
    (folder / "faces" / "pair_0013.jpg").write_bytes(b"")
    return load_catalogue(folder)


def test_quarantine_leaves_bad_images_out_and_keeps_labels_and_pairs(
    faces_dir: Path, tmp_path: Path, split_of
) -> None:
    catalogue = faces_with_two_bad(faces_dir, tmp_path / "images")
    catalogue.index = np.arange(len(catalogue)) // 2  # labels of rows are no guide
    study, parts = split_of(catalogue, on_bad="quarantine")

    left = pd.concat([parts[name] for name in ("train", "validation", "test")])
    bad = {catalogue.path.iloc[0], catalogue.path.iloc[24 + 13]}
    assert set(left.path) == set(catalogue.path) - bad
    assert len(left) == 46
    for path, label, pair in zip(left.path, left.label, left.pair, strict=True):
        assert (Path(path).parent.name, Path(path).stem) == (label, pair)
    assert study.catalogue == {"images": 46, "labels": 2, "pairs": 24}
    assert study.footprint.n_images == 46
    assert sum(study.split[name] for name in ("train", "validation", "test")) == 46
    assert set(study.quarantine.path) == bad
    assert study.quarantine.drop(columns=["path", "reason"]).to_numpy().tolist() == [
        ["comics", "pair_0000", "not an image", 1],
        ["faces", "pair_0013", "empty", 1],
    ]
    (_, reported) = study.describe_images()
    assert reported.startswith("Left out, since they cannot be read: 2 images")
    assert reported.endswith("which stay: 2.")


@pytest.mark.slow
def test_a_study_without_its_bad_images_is_the_one_of_the_others(
    faces_dir: Path, tmp_path: Path
) -> None:
    catalogue = faces_with_two_bad(faces_dir, tmp_path / "images")
    settings = SMALL | {"sizes": (12,), "contenders": ONE_NET, "validation": "holdout"}
    settings |= {"final_epochs": 1, "n_jobs": 1, "precision": "float32"}
    dirty = run_study(catalogue, **settings, on_bad="quarantine")
    for row in dirty.quarantine.to_dict(orient="records"):
        Path(row["path"]).unlink()
    clean = run_study(load_catalogue(tmp_path / "images"), **settings)

    assert clean.quarantine is None
    assert [len(study.to_dict().get("quarantine", ())) for study in (dirty, clean)] == [2, 0]
    assert (dirty.catalogue, dirty.split) == (clean.catalogue, clean.split)
    weights = [study.pipeline["classify"].model_.get_weights() for study in (dirty, clean)]
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)
    times = ("cpu_seconds", "wall_seconds")
    one, other = ({k: v for k, v in s.test.items() if k not in times} for s in (dirty, clean))
    assert one == other


def test_a_class_that_is_lost_to_quarantine_is_reported(faces_dir: Path, tmp_path: Path) -> None:
    shutil.copytree(faces_dir, tmp_path / "images")
    catalogue = load_catalogue(tmp_path / "images")
    comics = sorted((tmp_path / "images" / "comics").iterdir())
    for path in comics[2:]:
        path.write_text("no image")
    with pytest.raises(ValueError, match="class 'comics' has only 2 pairs"):
        run_study(catalogue, **SMALL, on_bad="quarantine")
    for path in comics[:2]:
        path.write_text("no image")
    with pytest.raises(ValueError, match=r"no image of \['comics'\] can be read.*\n.*pair_0000"):
        run_study(catalogue, **SMALL, on_bad="quarantine")


@pytest.mark.parametrize("size", [12, 32, 48])
def test_duplicates_never_straddle_in_a_study(
    faces_dir: Path, tmp_path: Path, split_of, size: int
) -> None:
    folder = Path(shutil.copytree(faces_dir, tmp_path / "images"))
    for i in range(6):
        path = folder / "faces" / f"pair_000{i}.jpg"
        shutil.copy(path, folder / "comics" / f"x{i}.jpg")
        with Image.open(path) as image:
            image.save(folder / "faces" / f"y{i}.jpg", quality=60)
    (folder / "comics" / "pair_0000.jpg").write_text("no image")  # what follows moves up by one
    study, parts = split_of(load_catalogue(folder), sizes=(size, 10), on_bad="quarantine")
    parts.pop("search")

    def parts_of(*stems: str) -> set[str]:
        return {name for name, part in parts.items() for p in part.path if Path(p).stem in stems}

    near = 6 if size >= 32 else None
    for i in range(6):
        assert len(parts_of(f"pair_000{i}", f"x{i}", *([f"y{i}"] if near else []))) == 1
    assert study.duplicates == {"exact": 6, "near": near, "of_another_class": 6 + (near or 0)}
    assert study.catalogue["pairs"] == (24 if near else 30)
    reported = " ".join(study.describe_images())
    assert "Images that repeat others: 6 by content" in reported
    assert ("were not looked for: that takes a size of 32 pixels" in reported) == (near is None)
