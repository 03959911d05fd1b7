"""The same weights and scores wherever a net is trained, and nothing else moved by it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import joblib
import numpy as np
import pandas as pd
import pytest
from fold_weights import hash_folds
from PIL import Image
from sklearn.model_selection import StratifiedGroupKFold, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.tree import DecisionTreeClassifier

from skcomic import (
    BalancedRandomizedSearchCV,
    ConvNetClassifier,
    load,
    make_comic_pipeline,
    save,
)
from skcomic.nets.backend import import_keras
from skcomic.nets.supervision import supervised_workers

keras = import_keras()

FOLDS = StratifiedGroupKFold(2)


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return make_comic_pipeline(
        vectorize__size=16, classify__first_units=4, classify__filters=4, classify__epochs=4,
        classify__batch_size=8, classify__learning_rate=0.02, classify__random_state=0,
    )  # fmt: skip


def scores_of(pipeline: Pipeline, faces: pd.DataFrame, n_jobs: int) -> list[float]:
    """Two folds by cross-validation, then two candidates on one fold by search.

    The logarithmic loss tells of each probability; the accuracy of so few images hides much.
    """
    how = {"n_jobs": n_jobs, "scoring": "neg_log_loss", "error_score": "raise"}
    splits = list(FOLDS.split(faces.path, faces.label, faces.pair))
    folds = cross_val_score(pipeline, faces.path, faces.label, cv=splits, **how)
    search = BalancedRandomizedSearchCV(
        pipeline, {"classify__pooling": ["average", "max"]}, n_iter=2, refit=False,
        cv=splits[:1], **how,
    )  # fmt: skip
    search.fit(faces.path, faces.label)
    return [*folds, *search.cv_results_["mean_test_score"]]


@pytest.fixture(scope="module")
def alone(pipeline: Pipeline, faces: pd.DataFrame) -> list[float]:
    return [pytest.approx(score, rel=1e-3) for score in scores_of(pipeline, faces, n_jobs=1)]


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_joblib_backends_give_the_same_scores(backend: str, pipeline, faces, alone) -> None:
    with joblib.parallel_config(backend=backend):
        assert scores_of(pipeline, faces, n_jobs=2) == alone


@pytest.fixture(params=["threads", pytest.param("processes", marks=pytest.mark.slow)])
def dask_cluster(request: pytest.FixtureRequest) -> Iterator[None]:
    """Two workers; the variables that dask sets for them and leaves behind are taken back."""
    distributed = pytest.importorskip("distributed")
    before = dict(os.environ)
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=request.param == "processes",
            dashboard_address=":0",
        ) as cluster,
        distributed.Client(cluster),
    ):  # fmt: skip
        yield
    for name in os.environ.keys() - before.keys():
        del os.environ[name]


@pytest.mark.usefixtures("dask_cluster")
def test_dask_cluster_gives_the_same_scores(pipeline, faces, alone) -> None:
    with joblib.parallel_config(backend="dask"):
        assert scores_of(pipeline, faces, n_jobs=-1) == alone


def test_a_dask_cluster_without_workers_is_not_waited_for(monkeypatch) -> None:
    """Neither in the middle of a run nor at the beginning of the next."""
    distributed = pytest.importorskip("distributed")
    from skcomic.nets import cluster as cluster_backend

    monkeypatch.setattr(cluster_backend, "_MIN_WAIT_SECONDS", 1)
    message = r"has had no workers for 1 seconds; start workers, and run this again with the same"
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
        joblib.parallel_config(backend="dask", client=client, wait_for_workers_timeout=0),
        supervised_workers(2),
    ):
        parallel = joblib.Parallel(n_jobs=2, return_as="generator")
        results = parallel(joblib.delayed(time.sleep)(0.1) for _ in range(100))
        next(results)
        cluster.scale(0)
        with pytest.raises(ConnectionError, match=message):
            list(results)
        with pytest.raises(ConnectionError, match=message):
            joblib.Parallel(n_jobs=2)(joblib.delayed(time.sleep)(0.1) for _ in range(2))


def run_workers(backend: str, n_jobs: int) -> subprocess.CompletedProcess:
    """Train nets in new workers, in an environment that says nothing about threads."""
    program = Path(__file__).with_name("thread_budget.py")
    return subprocess.run(
        [sys.executable, program, backend, str(n_jobs)],
        env={name: value for name, value in os.environ.items() if "NUM_THREADS" not in name},
        capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip


@pytest.fixture(scope="module")
def two_workers() -> subprocess.CompletedProcess:
    return run_workers("loky", 2)


def assert_cores_are_shared(result: subprocess.CompletedProcess, n_jobs: int) -> None:
    """Threads that compute, in all processes together, are no more than cores."""
    counts = [int(count) for count in result.stdout.splitlines()[0].split()]
    assert len(counts) == n_jobs
    assert sum(counts) <= joblib.cpu_count()


@pytest.mark.slow
def test_two_workers_share_the_cores(two_workers: subprocess.CompletedProcess) -> None:
    assert_cores_are_shared(two_workers, 2)


@pytest.mark.slow
@pytest.mark.parametrize(("backend", "n_jobs"), [("loky", 1), ("dask", 2)])
def test_workers_share_the_cores(backend: str, n_jobs: int) -> None:
    assert_cores_are_shared(run_workers(backend, n_jobs), n_jobs)


class Interval(keras.callbacks.Callback):
    """Notes from when to when it was trained with, in all threads."""

    all: ClassVar[list[tuple[float, float]]] = []

    def on_train_begin(self, logs=None) -> None:
        self.begin = time.perf_counter()

    def on_train_end(self, logs=None) -> None:
        self.all.append((self.begin, time.perf_counter()))


def test_threads_take_turns(stripes) -> None:
    """Side by side in one process, each net gets the weights and the times that it gets alone."""
    rows, labels = stripes

    def train(seed: int) -> bytes:
        net = ConvNetClassifier(
            first_units=4, filters=4, epochs=3, random_state=seed, callbacks=[Interval()]
        )
        weights = net.fit(rows, labels).model_.get_weights()
        return b"".join(weight.tobytes() for weight in weights)

    alone = [train(seed) for seed in range(2)]
    Interval.all.clear()
    together = joblib.Parallel(n_jobs=2, backend="threading")(
        joblib.delayed(train)(seed) for seed in range(2)
    )
    assert together == alone
    (_, first_end), (second_begin, _) = sorted(Interval.all)
    assert first_end < second_begin  # else the CPU seconds of one would be in those of the other


@pytest.fixture(scope="module")
def one_thread() -> list[str]:
    """What a process prints that trains nets, and that has the threads of joblib's workers."""
    result = subprocess.run(
        [sys.executable, Path(__file__).with_name("fold_weights.py")],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout.splitlines()


@pytest.mark.slow
def test_tensorflow_keeps_to_the_thread_budget_of_a_worker(one_thread: list[str]) -> None:
    left_behind, n_threads, _ = one_thread
    assert left_behind == ""
    assert int(n_threads) <= 1  # two cores would give two


def test_same_seed_and_threads_give_bit_equal_weights_everywhere(one_thread: list[str]) -> None:
    hashes = one_thread[-1].split()
    with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
        assert hash_folds(2) == hashes
    assert len(set(hashes)) == 2  # the two folds have different images


def test_unseeded_fits_after_seeded_ones_in_reused_workers(stripes, fingerprint) -> None:
    rows, labels = stripes

    def train(seed: int | None) -> str:
        # weights, not probabilities: so small a net may be born dead, and then answers like others
        net = ConvNetClassifier(first_units=4, filters=4, epochs=1, random_state=seed)
        return fingerprint(net.fit(rows, labels))

    with joblib.Parallel(n_jobs=2) as workers:
        seeded = workers(joblib.delayed(train)(0) for _ in range(2))
        unseeded = workers(joblib.delayed(train)(None) for _ in range(4))
    assert len(set(seeded)) == 1
    assert len({*seeded, *unseeded}) == 5


def test_no_switch_of_tensorflow_is_left_changed(stripes) -> None:
    import keras
    import tensorflow as tf
    from tensorflow.python.framework import config

    def switches() -> tuple:
        return (
            dict(os.environ), config.is_op_determinism_enabled(),
            tf.config.functions_run_eagerly(), tf.config.optimizer.get_jit(),
            tf.config.threading.get_intra_op_parallelism_threads(),
            tf.config.threading.get_inter_op_parallelism_threads(),
            tf.config.get_soft_device_placement(), keras.config.floatx(),
            keras.config.dtype_policy().name, keras.config.is_interactive_logging_enabled(),
            np.geterr(), joblib.parallel.get_active_backend()[1],
        )  # fmt: skip

    before = switches()
    for seed in (0, None):
        ConvNetClassifier(first_units=2, filters=2, epochs=1, random_state=seed).fit(*stripes)
        assert switches() == before


def test_no_generator_of_the_user_is_moved(stripes, tmp_path: Path) -> None:
    """Drawn numbers are the same with a fit, a prediction, a file or a failure in between."""
    import random

    import tensorflow as tf
    from keras.src.utils.rng_utils import get_random_seed

    rows, labels = stripes
    tf.random.set_global_generator(tf.random.Generator.from_seed(7))
    of_keras = keras.random.SeedGenerator(3)

    def draw() -> list[float]:
        return [
            random.random(), np.random.random(),  # noqa: NPY002
            float(tf.random.uniform(())), float(tf.random.uniform((), seed=5)),
            float(tf.random.get_global_generator().uniform(())),
            float(keras.random.uniform(())), float(keras.random.uniform((), seed=of_keras)),
        ]  # fmt: skip

    def nothing() -> None:
        pass

    def fit() -> None:
        ConvNetClassifier(first_units=2, filters=2, epochs=1, random_state=0).fit(rows, labels)

    def fail() -> None:
        def stop(*_: object) -> None:
            raise ZeroDivisionError

        net = ConvNetClassifier(
            first_units=2, filters=2, epochs=1, random_state=None,
            callbacks=[keras.callbacks.LambdaCallback(on_train_begin=stop)],
        )  # fmt: skip
        with pytest.raises(ZeroDivisionError):
            net.fit(rows, labels)

    fitted = ConvNetClassifier(first_units=2, filters=2, epochs=1, random_state=0)
    fitted.fit(rows, labels)

    def predict_save_and_load() -> None:
        fitted.predict(rows)
        save(fitted, tmp_path / "net")
        load(tmp_path / "net").predict_proba(rows)

    sequences = []
    for between in (nothing, fit, fail, predict_save_and_load):
        keras.utils.set_random_seed(1)
        tf.random.set_global_generator(tf.random.Generator.from_seed(7))
        of_keras = keras.random.SeedGenerator(3)
        before = draw()
        between()
        sequences.append((before, draw(), get_random_seed()))
    assert sequences[0][0] != sequences[0][1]
    assert sequences[1:] == sequences[:1] * 3


@pytest.mark.parametrize("how", ["cross-validation", "search"])
def test_workers_follow_to_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Two folders have the same names for other images; those of one say nothing."""
    names = [f"{label}/pair_{pair:04}.jpg" for pair in range(16) for label in ("faces", "comics")]
    labels = [0, 1] * 16
    for folder, contrast in (("a", 200), ("b", 0)):
        for name, label in zip(names, labels, strict=True):
            (tmp_path / folder / name).parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (20, 20), contrast * label + 20).save(tmp_path / folder / name)
    pipeline = make_comic_pipeline(
        vectorize__size=12, vectorize__cache="cache", classify__first_units=2,
        classify__filters=2, classify__epochs=1, classify__random_state=0,
    )  # fmt: skip
    seen = []
    for folder in ("a", "b"):
        monkeypatch.chdir(tmp_path / folder)
        steps = pipeline.set_params(classify=DecisionTreeClassifier())
        if how == "search":
            search = BalancedRandomizedSearchCV(
                steps, {"vectorize__size": [12, 10]}, n_iter=2, balance_on=None, n_jobs=2, cv=2,
                refit=False, error_score="raise", scoring="accuracy",
            )  # fmt: skip
            scores = search.fit(names, labels).cv_results_["mean_test_score"]
        else:
            scores = cross_val_score(steps, names, labels, cv=2, n_jobs=2, error_score="raise")
        seen.append(scores.tolist())
        assert (tmp_path / folder / "cache").is_dir()
    assert seen == [[1, 1], [0.5, 0.5]]


def test_workers_that_train_nets_are_kept(two_workers: subprocess.CompletedProcess) -> None:
    """joblib, with psutil, takes their growth for a leak."""
    pytest.importorskip("psutil")
    assert int(two_workers.stdout.splitlines()[1]) <= 2
    assert "A worker stopped" not in two_workers.stderr


def test_workers_that_train_no_nets_are_left_to_joblib() -> None:
    pytest.importorskip("psutil")
    program = """
import joblib
import thread_budget

with joblib.parallel_config(backend="loky", initializer=thread_budget.suspect):
    print(thread_budget.count_processes(joblib.Parallel(n_jobs=2)))
"""
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=Path(__file__).parent, capture_output=True, text=True,
        check=True, timeout=100,
    )  # fmt: skip
    assert int(result.stdout) > 2
