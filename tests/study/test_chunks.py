"""Studies whose rows do not fit into memory."""

from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest

import skcomic.study.memory
from skcomic import ImageVectorizer, StudySettings, fit_in_chunks, make_contenders, run_study
from skcomic.selection.contenders import Family
from skcomic.study.cluster import memory_of_fits
from skcomic.study.comparison import Run, compare
from skcomic.study.contenders import make_study_contenders
from skcomic.study.evaluation import TimedFit
from skcomic.study.images import assign_parts
from skcomic.study.memory import plan_memory

FAMILIES: list[Family] = ["small", "classic", "sgd"]
SMALL = {"sizes": (16,), "validation": "holdout", "n_jobs": 1}


@pytest.fixture(scope="module")
def own() -> dict:
    made = make_contenders(16, families=FAMILIES, random_state=0)
    made["small_3_4_1"].set_params(classify__epochs=2)
    return {name: made[name] for name in ("small_3_4_1", "hog_sgd", "pixels")}


@pytest.mark.slow
def test_no_more_rows_than_those_of_a_chunk_are_made(
    faces: pd.DataFrame, own: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_rows = []
    transform = ImageVectorizer.transform

    def counting(self: ImageVectorizer, paths) -> np.ndarray:
        n_rows.append(len(paths))
        return transform(self, paths)

    monkeypatch.setattr(ImageVectorizer, "transform", counting)
    study = run_study(faces, contenders=own, chunk_images=7, repeats=2, **SMALL)
    assert max(n_rows) == 7
    failures = study.candidates.set_index("net").failure
    assert "LogisticRegression, cannot be trained in chunks" in failures.pop("pixels")
    assert failures.isna().all()
    assert [row["net"] for row in study.baselines] == ["DummyClassifier", "SGDClassifier"]
    assert all("failure" not in row for row in study.baselines)
    assert "trained in chunks of 7 images" in study.describe_images()[-1]
    assert len(study.predictions) == study.test["n"] == 16


def test_the_choice_is_that_of_fit_in_chunks(faces: pd.DataFrame, own: dict) -> None:
    settings = {"contenders": {"hog_sgd": own["hog_sgd"]}, "chunk_images": 7}
    study = run_study(faces, **settings, **SMALL, random_state=3)
    parts = assign_parts(faces, study.settings)
    development = pd.concat([parts.train, parts.validation])
    fitted = fit_in_chunks(own["hog_sgd"], development, chunk_images=7, random_state=3)
    expected = fitted.predict_proba(parts.test.path)
    np.testing.assert_array_equal(study.pipeline.predict_proba(parts.test.path), expected)
    given = study.predictions.set_index("path").loc[parts.test.path.tolist()]
    assert (given.predicted.to_numpy() == fitted.predict(parts.test.path)).all()


def test_a_net_of_one_chunk_is_that_of_all_rows(faces: pd.DataFrame, own: dict) -> None:
    train, rest = faces[::2], faces[1::2]
    answers = []
    for chunk_images in (None, len(train)):
        fit = TimedFit(own["small_3_4_1"], chunk_images=chunk_images, random_state=0)
        fit.fit(fit.make_rows(train.path), train.label)
        answers.append(fit.ask(fit.make_rows(rest.path)).probabilities)
    np.testing.assert_array_equal(*answers)


def test_kept_evaluations_of_other_chunks_are_others(
    faces: pd.DataFrame, own: dict, tmp_path: Path
) -> None:
    contenders = [("hog_sgd", own["hog_sgd"])]

    def measure(chunk_images: int | None, seed: int = 0) -> np.ndarray:
        run = Run(1, None, tmp_path, None, chunk_images, seed)
        (answers,) = compare(contenders, faces[::2], faces[1::2], None, run).answers
        return answers.probabilities

    kinds = [(None,), (7,), (8,), (8, 1)]
    first = [measure(*kind) for kind in kinds]
    assert len({each.tobytes() for each in first}) == len(kinds)
    written = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    for kind, kept in zip(kinds, first, strict=True):
        np.testing.assert_array_equal(measure(*kind), kept)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == written


def test_linear_models_of_chunks_are_those_of_stochastic_gradients() -> None:
    names = {}
    for chunk_images in (None, 4096):
        settings = StudySettings(n_candidates=2, chunk_images=chunk_images)
        contenders = make_study_contenders(settings, None, "cache", [])
        names[chunk_images] = {name for name, _ in contenders}
    sgd = {"pixels_sgd", "hog_sgd", "patches_sgd"}
    assert names[4096] - names[None] == sgd
    assert {name.partition("_")[0] for name in names[None] - names[4096]} == {
        "pixels", "hog", "patches",
    }  # fmt: skip


def test_chunks_and_workers_are_chosen_by_what_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    n_images = {"search": 100_000, "train": 100_000, "validation": 0, "test": 0}
    rows = 100_000 * 64 * 64 * 4

    def plan(available: float, n_workers: int = 8, **settings) -> tuple[int | None, int]:
        monkeypatch.setattr(skcomic.study.memory, "available_memory", lambda: int(available))
        return plan_memory(n_images, StudySettings(**settings), n_workers, n_contenders=16)

    assert plan(1e12) == (None, 8)
    assert plan(2 * 3 * rows + 4e9) == (None, 2)
    # What comes out is the same with any number of workers.
    one = 3 * rows + 1e9
    assert plan(one) == plan(one, 1) == (None, 1)
    less = 3 * rows
    assert plan(less, 1) == (4096, 1)
    assert plan(less) == (4096, 3)
    assert plan(1e12, chunk_images=1000) == (1000, 8)
    with pytest.raises(MemoryError, match=r"5\.7 GB of memory.*only 4\.9 GB.*chunk_images='auto'"):
        plan(less, chunk_images=None)
    with pytest.raises(MemoryError, match=r"take smaller sizes or fewer images$"):
        plan(1e9)


def test_a_fit_on_a_cluster_has_the_memory_of_one_thread_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    distributed = pytest.importorskip("distributed")
    assert memory_of_fits() is None
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, memory_limit="4GB",
            dashboard_address=":0",
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
        joblib.parallel_config(backend="dask", client=client),
    ):  # fmt: skip
        limit = memory_of_fits()
    assert limit == 2 * 10**9
    n_images = {"search": 100_000, "train": 100_000, "validation": 0, "test": 0}
    monkeypatch.setattr(skcomic.study.memory, "available_memory", lambda: 10**12)
    assert plan_memory(n_images, StudySettings(), 1, 16) == (None, 1)
    assert plan_memory(n_images, StudySettings(), 1, 16, limit) == (4096, 1)
    monkeypatch.setattr(skcomic.study.memory, "available_memory", lambda: None)
    assert plan_memory(n_images, StudySettings(), 1, 16, limit) == (4096, 1)
    assert plan_memory(n_images, StudySettings(), 1, 16) == (None, 1)


def test_a_study_that_does_not_fit_says_so_before_it_begins(
    faces: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(skcomic.study.memory, "available_memory", lambda: 10**8)
    with pytest.raises(MemoryError, match=r"about 0\.8 GB of memory.* only 0\.1 GB"):
        run_study(faces, sizes=(16,), n_jobs=1)


def test_a_study_that_does_not_fit_trains_in_chunks(
    faces: pd.DataFrame, own: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of so many images that a process has no room for their rows."""
    monkeypatch.setattr(skcomic.study.memory, "CHUNK_IMAGES", 5)
    monkeypatch.setattr(skcomic.study.memory, "available_memory", lambda: 750_085_000)
    study = run_study(faces, contenders={"hog_sgd": own["hog_sgd"]}, **SMALL)
    assert study.settings.chunk_images == 5
    assert study.to_dict()["settings"]["chunk_images"] == 5
