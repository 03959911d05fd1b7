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

keras = import_keras()

FOLDS = StratifiedGroupKFold(2)


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return make_comic_pipeline(
        vectorize__size=16, classify__first_units=4, classify__filters=4, classify__epochs=4,
        classify__batch_size=8, classify__learning_rate=0.02, classify__random_state=0,
    )  # fmt: skip


def scores_of(pipeline: Pipeline, faces: pd.DataFrame, n_jobs: int) -> list[float]:
    """Two folds by cross-validation, then two candidates on two folds by search.

    The logarithmic loss tells of each probability; the accuracy of so few images hides much.
    """
    how = {"cv": FOLDS, "n_jobs": n_jobs, "scoring": "neg_log_loss", "error_score": "raise"}
    folds = cross_val_score(pipeline, faces.path, faces.label, groups=faces.pair, **how)
    search = BalancedRandomizedSearchCV(
        pipeline, {"classify__pooling": ["average", "max"]}, n_iter=2, refit=False, **how
    )
    search.fit(faces.path, faces.label, groups=faces.pair)
    return [*folds, *search.cv_results_["mean_test_score"]]


@pytest.fixture(scope="module")
def alone(pipeline: Pipeline, faces: pd.DataFrame) -> list[float]:
    return [pytest.approx(score, rel=1e-3) for score in scores_of(pipeline, faces, n_jobs=1)]


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_joblib_backends_give_the_same_scores(backend: str, pipeline, faces, alone) -> None:
    with joblib.parallel_config(backend=backend):
        assert scores_of(pipeline, faces, n_jobs=2) == alone


@pytest.fixture
def dask_cluster() -> Iterator[None]:
    """Two processes; the variables that dask sets for them and leaves behind are taken back."""
    distributed = pytest.importorskip("distributed")
    before = dict(os.environ)
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster),
    ):
        yield
    for name in os.environ.keys() - before.keys():
        del os.environ[name]


@pytest.mark.usefixtures("dask_cluster")
def test_dask_cluster_gives_the_same_scores(pipeline, faces, alone) -> None:
    with joblib.parallel_config(backend="dask"):
        assert scores_of(pipeline, faces, n_jobs=-1) == alone


@pytest.mark.parametrize(
    ("backend", "n_jobs"),
    [
        ("loky", 2),
        pytest.param("loky", 1, marks=pytest.mark.slow),
        pytest.param("dask", 2, marks=pytest.mark.slow),
    ],
)
def test_workers_share_the_cores(backend: str, n_jobs: int) -> None:
    """Threads that compute, in all processes together, are no more than cores."""
    program = Path(__file__).with_name("thread_budget.py")
    result = subprocess.run(
        [sys.executable, program, backend, str(n_jobs)],
        env={name: value for name, value in os.environ.items() if "NUM_THREADS" not in name},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    counts = [int(count) for count in result.stdout.split()]
    assert len(counts) == n_jobs
    assert sum(counts) <= joblib.cpu_count()


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


def test_same_seed_and_threads_give_bit_equal_weights_everywhere() -> None:
    program = """
from hashlib import sha256
import numpy as np
from sklearn.model_selection import cross_validate
from skcomic import ConvNetClassifier

random = np.random.default_rng(0)
rows, labels = random.random((40, 64), dtype=np.float32), np.arange(40) % 2
net = ConvNetClassifier(first_units=4, filters=4, epochs=2, random_state=0)
for n_jobs in (1, 1, 2):
    nets = cross_validate(net, rows, labels, cv=2, n_jobs=n_jobs, return_estimator=True)
    hashes = [sha256() for _ in range(2)]
    for hash, fitted in zip(hashes, nets["estimator"]):
        for weight in fitted.model_.get_weights():
            hash.update(weight.tobytes())
    print(*(hash.hexdigest() for hash in hashes))
"""
    result = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"OMP_NUM_THREADS": "1"},  # as joblib's workers have
        capture_output=True,
        text=True,
        check=True,
    )
    once, again, in_workers = result.stdout.splitlines()
    assert once == again == in_workers
    assert len(set(once.split())) == 2  # the two folds have different images


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


@pytest.mark.parametrize("with_net", [True, False])
def test_workers_that_train_nets_are_kept(with_net: bool) -> None:
    """joblib, with psutil, takes their growth for a leak; the tasks of others are its matter."""
    pytest.importorskip("psutil")
    program = f"""
import os
from joblib import Parallel, delayed
from joblib.externals.loky import process_executor

def suspect():
    process_executor._MAX_MEMORY_LEAK_SIZE = 1
    process_executor._MEMORY_LEAK_CHECK_DELAY = 0

def grow(task):
    if {with_net}:
        from skcomic.nets.backend import import_keras
        import_keras()
    grown.append(bytearray(10_000_000))
    return os.getpid()

grown = []
parallel = Parallel(n_jobs=2, initializer=suspect)
pids = {{pid for _ in range(5) for pid in parallel(delayed(grow)(task) for task in range(2))}}
print(len(pids))
"""
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=100
    )
    assert (int(result.stdout) <= 2) == with_net
    assert ("A worker stopped" in result.stderr) <= (not with_net)
