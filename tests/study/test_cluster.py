"""A study on a dask cluster ends as one without, whatever becomes of the workers.

Slow: processes start again and again.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import thread_budget
from cluster_tasks import has_folder, measure
from dask_processes import scheduler_and_worker
from fatal_estimator import KillWhereNumberIsTwo
from outcomes import without_times
from path_estimators import FatalClassifier, KilledOnce, NameClassifier
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import PredefinedSplit
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

import skcomic.study.cluster
from skcomic import BalancedRandomizedSearchCV, ImageVectorizer, Study, make_contenders, run_study
from skcomic._compat.joblib import active_dask_backend, threads_of_dask_worker
from skcomic.catalogue import hashing
from skcomic.nets.supervision import supervised_workers

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")

pytestmark = pytest.mark.slow

# The cost is one that does not depend on the machine.
QUICK = {"sizes": (16, 12), "validation": "holdout", "cost": "model_bytes", "n_jobs": 2}
MAX_SECONDS = 300


@pytest.fixture(autouse=True)
def _time_limit() -> Iterator[None]:
    """Let a test that waits for ever fail."""

    def stop(*_: object) -> None:
        pytest.fail(f"it has not ended in {MAX_SECONDS} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(MAX_SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def client() -> Iterator["distributed.Client"]:
    """A cluster of two processes of one thread, which gives a task up at its first death."""
    before = dict(os.environ)
    with (
        dask.config.set({"distributed.deploy.lost-worker-timeout": "1 day"}),  # on a slow machine
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0",
            silence_logs=50, memory_limit=0,
            scheduler_kwargs={"allowed_failures": 0, "dashboard": False},
        ) as cluster,
        distributed.Client(cluster) as client,
    ):  # fmt: skip
        # dask leaves the variables of its workers behind here
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        yield client
    for name in os.environ.keys() - before.keys():
        del os.environ[name]


@pytest.fixture
def on_cluster(client) -> Iterator["distributed.Client"]:
    """The cluster with two workers, where joblib runs its tasks."""
    before = dict(os.environ)
    client.wait_for_workers(2, timeout=60)
    with joblib.parallel_config(backend="dask"):
        yield client
    client.wait_for_workers(2, timeout=60)  # new ones have their variables from this process
    for name in os.environ.keys() - before.keys():
        del os.environ[name]


def cheap_contenders(mark: Path) -> dict[str, object]:
    return {
        "bayes": make_pipeline(ImageVectorizer(), StandardScaler(), GaussianNB()),
        "hog": make_contenders(16, families=["classic"], random_state=0)["hog"],
        "killed": KilledOnce(str(mark)),
    }


def outcome(study: Study):
    return without_times(study.to_dict())


@pytest.fixture(scope="module")
def mark(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("marks") / "killed"


@pytest.fixture(scope="module")
def without_cluster(faces: pd.DataFrame, mark: Path):
    mark.touch()
    return outcome(run_study(faces, contenders=cheap_contenders(mark), **QUICK | {"n_jobs": 1}))


@pytest.mark.parametrize("n_kills", [0, 1])
@pytest.mark.usefixtures("on_cluster")
def test_the_same_study(faces, mark, without_cluster, n_kills: int) -> None:
    if n_kills:
        mark.unlink()
    study = run_study(faces, contenders=cheap_contenders(mark), **QUICK)
    assert mark.exists()
    assert outcome(study) == without_cluster


@pytest.mark.usefixtures("on_cluster")
def test_a_contender_that_always_kills_its_worker_fails_alone(faces: pd.DataFrame) -> None:
    contenders = {"fatal": FatalClassifier(), "names": NameClassifier()}
    study = run_study(faces, contenders=contenders, **QUICK)
    failures = study.candidates.set_index("net").failure
    assert failures["fatal"] == (
        "ChildProcessError: its process was killed 2 times (KilledWorker), the last time while "
        "nothing else was trained; perhaps memory ran out"
    )
    assert pd.isna(failures["names"])
    assert study.chosen_net == "names"


@pytest.mark.usefixtures("on_cluster")
def test_the_workers_read_the_images(faces: pd.DataFrame, monkeypatch, tmp_path: Path) -> None:
    """In the order of the paths, a chunk a task; what comes back is hashes."""
    paths = [*faces.path, str(tmp_path / "missing.jpg"), *faces.path]
    with joblib.parallel_config(backend="threading"):
        expected = hashing.hash_images(paths, [(32, 32), (16, 16)])

    def read_here(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(hashing, "try_rasters", read_here)
    hashes = hashing.hash_images(paths, [(32, 32), (16, 16)], n_jobs=2, cache=tmp_path / "cache")
    assert list(hashes.failures) == list(expected.failures) == [len(faces)]
    is_read = np.arange(len(paths)) != len(faces)
    for found, wanted in zip(hashes[:3], expected[:3], strict=True):
        np.testing.assert_array_equal(found[is_read], wanted[is_read])


@pytest.mark.usefixtures("on_cluster")
def test_a_candidate_of_a_search_that_kills_its_workers_fails_alone() -> None:
    rows, labels = np.eye(20), np.arange(20) % 2
    search = BalancedRandomizedSearchCV(
        Pipeline([("classify", KillWhereNumberIsTwo())]), {"classify__number": [1, 2, 3]},
        n_iter=3, balance_on=None, cv=PredefinedSplit(np.repeat([-1, 0], 10)), random_state=0,
    )  # fmt: skip
    with pytest.warns() as warned:
        search.fit(rows, labels)
    assert any(issubclass(each.category, FitFailedWarning) for each in warned)
    numbers = [params["classify__number"] for params in search.cv_results_["params"]]
    failures = dict(zip(numbers, search.cv_results_["failure"], strict=True))
    assert failures.pop(2).startswith("ChildProcessError: its process was killed 2 times")
    assert failures == {1: "", 3: ""}
    found = dict(zip(numbers, search.cv_results_["mean_test_score"].tolist(), strict=True))
    assert np.isnan(found.pop(2))
    assert found == {1: 0.5, 3: 1.0}
    assert search.best_params_ == {"classify__number": 3}


def count_sent(dask_scheduler) -> int:
    """Count what tasks were sent by itself, as far as the scheduler knows it."""
    return sum("_return" in str(key) for key in dask_scheduler.tasks)


def test_what_tasks_share_is_sent_once_and_forgotten(on_cluster) -> None:
    images, names = pd.DataFrame({"path": ["x" * 100] * 1000}), ["y" * 100] * 500
    with supervised_workers(2):
        parallel = joblib.Parallel(n_jobs=2, return_as="generator")
        results = parallel(joblib.delayed(measure)(i, images, names=names) for i in range(12))
        assert next(results) == (0, 1000, 500)
        assert on_cluster.run_on_scheduler(count_sent) == 2
        assert list(results) == [(i, 1000, 500) for i in range(1, 12)]
    deadline = time.monotonic() + 30
    while on_cluster.run_on_scheduler(count_sent):
        assert time.monotonic() < deadline


class NotForWorkers:
    """Cannot be read by a worker."""

    def __reduce__(self):
        return divmod, (1, 0)


@pytest.mark.usefixtures("on_cluster")
def test_what_a_worker_cannot_read_is_an_error_and_no_wait_without_end() -> None:
    with supervised_workers(2), pytest.raises((ZeroDivisionError, RuntimeError)):
        joblib.Parallel(n_jobs=2)(joblib.delayed(id)(NotForWorkers()) for _ in range(3))


def threads_here(_task: int) -> int | None:
    return threads_of_dask_worker()


def test_a_cluster_of_one_thread_runs_the_tasks_too() -> None:
    """joblib itself runs the tasks of one job in this process, which they may kill."""
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
        joblib.parallel_config(backend="dask", client=client),
        supervised_workers(1),
    ):
        ran_in = joblib.Parallel(n_jobs=1)(joblib.delayed(threads_here)(i) for i in range(3))
    assert ran_in == [1, 1, 1]


@contextmanager
def cluster_of_one_worker(file: Path) -> Iterator[int]:
    """Let joblib run its tasks on the cluster; yield the process of the scheduler."""
    with (
        scheduler_and_worker(file) as (scheduler, _),
        distributed.Client(scheduler_file=file, timeout=60, set_as_default=False) as client,
        joblib.parallel_config(backend="dask", client=client, wait_for_workers_timeout=3),
    ):
        client.wait_for_workers(1, timeout=60)
        yield scheduler.pid


@pytest.mark.parametrize(
    ("victim", "sentence"),
    [
        ("worker", "the dask cluster has had no workers for 3 seconds; start workers, and"),
        (
            "scheduler",
            "the scheduler of the dask cluster is gone, or has forgotten the tasks; start it and "
            "its workers again, and",
        ),
    ],
)
def test_a_study_that_loses_its_cluster_says_so_and_goes_on_with_another(
    faces: pd.DataFrame, tmp_path: Path, monkeypatch, victim: str, sentence: str
) -> None:
    from skcomic.nets import cluster  # imports dask

    monkeypatch.setattr(cluster, "_MIN_WAIT_SECONDS", 3)
    mark, log = tmp_path / "killed", tmp_path / "log"
    advice = "run this again with the same checkpoint_dir (or skcomic study --resume FOLDER): it"
    quick = {**QUICK, "n_jobs": 1, "checkpoint_dir": tmp_path / "checkpoints"}
    with cluster_of_one_worker(tmp_path / "first") as scheduler:
        killed = KilledOnce(str(mark), process=scheduler if victim == "scheduler" else None)
        contenders = {"names": NameClassifier(str(log)), "killed": killed}
        with pytest.raises(ConnectionError) as error:
            run_study(faces, contenders=contenders, **quick)
        assert str(error.value) == f"{sentence} {advice} goes on where it stopped"
    assert log.read_text().count("\n") == 1
    with cluster_of_one_worker(tmp_path / "second"):
        resumed = run_study(faces, contenders=contenders, **quick)
    n_trained = log.read_text().count("\n")
    quick["checkpoint_dir"] = None
    assert outcome(resumed) == outcome(run_study(faces, contenders=contenders, **quick))
    assert log.read_text().count("\n") == 2 * n_trained


def test_workers_have_threads_of_their_own(client) -> None:
    assert client.submit(threads_of_dask_worker, pure=False).result(timeout=60) == 1
    assert threads_of_dask_worker() is None


def test_tensorflow_keeps_to_the_threads_of_a_worker_without_variables() -> None:
    program = """
import thread_budget
from distributed import Client, LocalCluster

with (
    LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0"
    ) as cluster,
    Client(cluster) as client,
):
    print(client.submit(thread_budget.count_threads, 0).result()[1])
"""
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=Path(thread_budget.__file__).parent,
        env={name: value for name, value in os.environ.items() if "NUM_THREADS" not in name},
        capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    assert int(result.stdout) <= 1  # two cores would give two


def test_the_active_cluster_is_recognized(client) -> None:
    assert active_dask_backend() is None
    with joblib.parallel_config(backend="dask"):
        assert active_dask_backend().client is client
        with supervised_workers(2):
            assert active_dask_backend().client is client
        with joblib.parallel_config(backend="threading"):
            assert active_dask_backend() is None


@pytest.mark.usefixtures("on_cluster")
def test_workers_of_another_version_are_refused(faces, monkeypatch) -> None:
    monkeypatch.setattr(skcomic.study.cluster, "__version__", "0.0")
    with pytest.raises(ImportError, match=r"must have skcomic 0\.0, as this process, but some"):
        run_study(faces, contenders={"names": NameClassifier()}, **QUICK)


def test_workers_keep_no_temporary_cache_open(on_cluster, faces: pd.DataFrame) -> None:
    contenders = {name: make for name, make in cheap_contenders(Path("/")).items()
                  if name != "killed"}  # fmt: skip
    run_study(faces, contenders=contenders, **QUICK)
    assert set(on_cluster.run(has_folder).values()) == {False}
