import dataclasses
import json
import math

import numpy as np
import pandas as pd
import pytest

import skcomic.study
from skcomic import ImageReadError, Study, StudyProgress, run_study

RECORD = {
    "net", "first_units", "pooling", "n_conv", "size", "train_f_score", "validation_f_score",
    "cpu_seconds", "wall_seconds", "multiply_adds", "parameters",
}  # fmt: skip

SMALL = {
    "sizes": (16, 12),
    "n_candidates": 2,
    "epochs": 2,
    "final_epochs": 3,
    "final_batch_size": 8,
    "cost": "multiply_adds",
}


@pytest.fixture(scope="module")
def told() -> list[StudyProgress]:
    return []


@pytest.fixture(scope="module")
def study(faces: pd.DataFrame, told: list[StudyProgress]) -> Study:
    def tell(progress: StudyProgress) -> None:
        told.append(dataclasses.replace(progress, study=dataclasses.replace(progress.study)))

    return run_study(faces, **SMALL, n_jobs=2, on_progress=tell)


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
    assert numbers["settings"]["positive"] == "comics"
    assert {"python", "tensorflow", "scikit-learn"} <= set(numbers["versions"])
    assert numbers["seconds"] == sum(numbers["stage_seconds"].values()) > 0
    json.dumps(numbers, allow_nan=False)


def test_savings_are_shares_of_the_larger_size(study: Study) -> None:
    larger, smaller = study.sizes.to_dict(orient="records")
    assert (study.saving["from_size"], study.saving["to_size"]) == (16, 12)
    assert study.saving["cost_share"] == 1 - smaller["multiply_adds"] / larger["multiply_adds"]
    if larger["validation_f_score"]:
        ratio = smaller["validation_f_score"] / larger["validation_f_score"]
        assert study.saving["f_score_share"] == pytest.approx(1 - ratio)


def test_a_study_by_halving(faces: pd.DataFrame) -> None:
    settings = SMALL | {"n_candidates": 4, "epochs": 3, "search": "halving"}
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


def test_progress_is_told_stage_by_stage_and_epoch_by_epoch(
    study: Study, told: list[StudyProgress]
) -> None:
    finished = [progress for progress in told if progress.finished]
    assert [progress.stage for progress in finished] == ["split", "search", "sizes", "test"]
    split, search, sizes, _ = finished
    assert split.study.candidates is None
    assert search.study.chosen_net == study.chosen_net
    assert search.study.sizes is None
    assert sizes.study.chosen_size == study.chosen_size
    assert sizes.study.test is None
    counts = [progress.epochs for progress in told]
    assert counts == sorted(counts)
    assert {progress.total_epochs for progress in told} == {2 * 2 + 3 * 3}
    assert counts[-1] <= 13


def test_every_epoch_is_counted(study: Study, told: list[StudyProgress]) -> None:
    # The last report comes from the watching thread when the fits are over.
    assert max(progress.epochs for progress in told) == 13


def test_pairs_never_straddle(faces: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = {}

    class Enough(Exception):
        pass

    def keep(self, pipeline, split):
        parts.update(split)
        raise Enough

    monkeypatch.setattr(skcomic.study._Runner, "_search", keep)
    with pytest.raises(Enough):
        run_study(faces, **SMALL)

    pairs = {name: set(part.pair) for name, part in parts.items()}
    assert not pairs["train"] & pairs["validation"]
    assert not pairs["train"] & pairs["test"]
    assert not pairs["validation"] & pairs["test"]
    assert pairs["search"] <= pairs["train"]
    for part in parts.values():
        assert part.label.value_counts().nunique() == 1  # noqa: PD101


def test_positive_class(faces: pd.DataFrame) -> None:
    choose = skcomic.study._choose_positive
    assert choose(faces, None) == "comics"
    assert choose(faces, "faces") == "faces"
    assert choose(pd.DataFrame({"label": ["cat", "dog"]}), None) == "dog"
    assert choose(pd.DataFrame({"label": ["cat", "dog", "cow"]}), None) is None
    with pytest.raises(ValueError, match="positive='cow' is none of the classes"):
        run_study(faces, positive="cow")


def test_three_classes_are_scored_by_macro_average(faces: pd.DataFrame) -> None:
    thirds = faces.assign(label=np.where(faces.pair < "pair_0012", faces.label, "others"))
    study = run_study(thirds, **SMALL, n_jobs=1)
    assert study.settings.positive is None
    assert study.pipeline["classify"].classes_.tolist() == ["comics", "faces", "others"]
    assert 0 <= study.test["f_score"] <= 1
    assert not math.isnan(study.test["f_score"])


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"sizes": ()}, "sizes must be one or more positive ints"),
        ({"sizes": (64, 64)}, "sizes must be distinct"),
        ({"sizes": (64, 8)}, "8x8 pixels is too small for n_conv=2"),
        ({"search_fraction": 0}, "search_fraction must be above 0"),
        ({"epochs": 0}, "epochs must be 1 or more, not 0"),
        ({"n_candidates": 5}, "n_iter=5 candidates cannot be shared equally"),
        ({"n_candidates": 14}, "there are only 6"),
        ({"search": "grid"}, "search must be one of"),
        ({"precision": "float16"}, "precision must be one of"),
        ({"cost": "money"}, "cost must be one of"),
        ({"test_size": 2}, "test_size must be a share between 0 and 1"),
    ],
)
def test_senseless_settings_are_refused_at_once(
    faces: pd.DataFrame, setting: dict, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        run_study(faces, **SMALL | setting)


def test_too_little_memory_is_refused_with_the_figure(
    faces: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(skcomic.study, "available_memory", lambda: 10**9)
    with pytest.raises(
        MemoryError, match=r"about 2\.3 GB of memory .* only 1\.0 GB are available"
    ):
        run_study(faces, **SMALL, n_jobs=2)


def test_bad_images_are_listed(faces: pd.DataFrame, tmp_path) -> None:
    bad = faces.copy()
    for i in (0, 47):
        path = tmp_path / f"{i}.jpg"
        path.write_text("no image")
        bad.loc[i, "path"] = str(path)
    with pytest.raises(ImageReadError, match=r"2 of .* images cannot be read"):
        run_study(bad, **SMALL)
