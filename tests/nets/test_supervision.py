"""Searches whose workers are killed, whose fits take too long, and that are begun again."""

import fcntl
import os
import signal as signals
import site
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from fatal import KillWhereUnits
from fatal_estimator import KillWhereNumberIsTwo
from joblib.parallel import BatchedCalls, SequentialBackend, get_active_backend
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import PredefinedSplit
from sklearn.pipeline import Pipeline

from skcomic import (
    BalancedHalvingSearchCV,
    BalancedRandomizedSearchCV,
    CostScorer,
    make_comic_pipeline,
    select_parsimonious,
)
from skcomic.nets.backend import import_keras
from skcomic.nets.checkpoints import count_finished
from skcomic.nets.supervision import (
    SupervisedBackend,
    Supervision,
    _deaths,
    _process_exists,
    retry_on_worker_death,
    running_marker,
    supervised_workers,
)
from skcomic.nets.workers import end_with_parent

keras = import_keras()

ONE_FOLD = PredefinedSplit(np.tile([-1, 0], 24))
FOLDER = Path(__file__).parent
COSTS = {"mean_test_cpu_seconds", "mean_test_wall_seconds"}


def search_for(units: list[int], n_jobs: int = 1, kind=BalancedRandomizedSearchCV, **parameters):
    """A search of nets with some first units, on one fold; the chosen one is trained again."""
    own = {"classify__random_state": 0, "classify__epochs": 2, "vectorize__size": 12}
    names = [name for name in parameters if "__" in name]
    pipeline = make_comic_pipeline(
        classify__filters=4, **own | {name: parameters.pop(name) for name in names}
    )
    return kind(
        pipeline, {"classify__first_units": units}, n_iter=len(units), balance_on=None,
        scoring=CostScorer(), refit=select_parsimonious(cost="multiply_adds"), n_jobs=n_jobs,
        cv=ONE_FOLD, random_state=0, **{"error_score": "raise", **parameters},
    )  # fmt: skip


@pytest.fixture
def own_workers() -> Iterator[None]:
    """Workers, each with one thread, that find the modules of this folder."""
    workers = joblib.parallel_config(
        backend="loky", initializer=site.addsitedir, initargs=(str(FOLDER),)
    )
    with workers:
        yield


def scores(results: dict, n: int | slice = slice(None)) -> dict:
    return {
        name: np.asarray(values)[n].tolist()
        for name, values in results.items()
        if name.startswith(("mean_test", "params")) and name not in COSTS
    }


def number_search(numbers: list[int], n_jobs: int) -> BalancedRandomizedSearchCV:
    pipeline = Pipeline([("classify", KillWhereNumberIsTwo())])
    return BalancedRandomizedSearchCV(
        pipeline, {"classify__number": numbers}, n_iter=len(numbers), balance_on=None,
        n_jobs=n_jobs, cv=PredefinedSplit(np.repeat([-1, 0], 10)), error_score=np.nan,
        random_state=0,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.usefixtures("own_workers")
def test_a_candidate_that_kills_its_workers_fails_alone() -> None:
    """Of any estimator; the next test is of nets, whose workers take long to start."""
    rows, labels = np.eye(20), np.arange(20) % 2
    search = number_search([1, 2, 3], n_jobs=2)
    with pytest.warns() as warned:
        search.fit(rows, labels)
    assert any(issubclass(each.category, FitFailedWarning) for each in warned)
    results = search.cv_results_
    numbers = [params["classify__number"] for params in results["params"]]
    assert sorted(numbers) == [1, 2, 3]
    assert dict(zip(numbers, results["failure"], strict=True)) == {
        1: "", 3: "",
        2: "ChildProcessError: its process was killed 2 times (SIGKILL(-9)), the last time while "
           "nothing else was trained; perhaps memory ran out",
    }  # fmt: skip
    found = dict(zip(numbers, results["mean_test_score"].tolist(), strict=True))
    assert np.isnan(found.pop(2))
    whole = number_search([1, 3], n_jobs=1).fit(rows, labels)
    assert found == {1: 0.5, 3: 1.0}
    assert sorted(whole.cv_results_["mean_test_score"]) == [0.5, 1.0]
    assert whole.cv_results_["failure"].tolist() == ["", ""]
    assert search.best_params_ == whole.best_params_ == {"classify__number": 3}
    assert search.score(rows, labels) == 1


@pytest.mark.slow
@pytest.mark.usefixtures("own_workers")
def test_a_net_that_kills_its_workers_fails_alone(faces: pd.DataFrame) -> None:
    search = search_for([8, 4, 2], 2, classify__callbacks=[KillWhereUnits(8)], error_score=np.nan)
    with pytest.warns() as warned:
        search.fit(faces.path, faces.label)
    assert any(issubclass(each.category, FitFailedWarning) for each in warned)
    results = search.cv_results_
    assert np.isnan(results["mean_test_f_score"]).tolist() == [True, False, False]
    assert results["failure"].tolist() == [
        "ChildProcessError: its process was killed 2 times (SIGKILL(-9)), the last time while "
        "nothing else was trained; perhaps memory ran out", "", "",
    ]  # fmt: skip
    whole = search_for([4, 2]).fit(faces.path, faces.label)
    assert scores(results, slice(1, None)) == scores(whole.cv_results_)
    assert whole.cv_results_["failure"].tolist() == ["", ""]
    assert search.best_params_ == whole.best_params_
    for estimator in (search.best_estimator_, search.estimator):
        assert estimator["classify"].checkpoint_dir is None
    assert [*search.cv_results_["params"][0]] == ["classify__first_units"]
    assert {name for name in search.cv_results_ if name.startswith("param_")} == {
        "param_classify__first_units"
    }
    assert [*search.best_params_] == ["classify__first_units"]


def died(marks: Path, key: str) -> None:
    """Leave the mark of a task whose process is no more."""
    process = subprocess.Popen(["true"])
    process.wait()
    (marks / f"{key}.running").write_text(str(process.pid))


class Estimator:
    """What joblib's batches hold in this test: it does as scikit-learn with a candidate."""

    def fit(self) -> str:
        return "fitted"


def fit_and_score(estimator: Estimator) -> str:
    try:
        return estimator.fit()
    except ChildProcessError as error:
        return str(error)


def batch(estimator: Estimator | None = None) -> BatchedCalls:
    call = (fit_and_score, (estimator or Estimator(),), {})
    return BatchedCalls([call], (SequentialBackend(), None))


@pytest.fixture
def backend() -> Iterator[SupervisedBackend]:
    with supervised_workers(2) as backend:
        yield backend


def run(backend: SupervisedBackend) -> str:
    """Submit the next task of a backend, and run it in this process."""
    (result,) = backend.supervision.supervise(batch())()
    return result


def test_who_was_running_is_tried_alone_and_once_more(backend: SupervisedBackend) -> None:
    tried = []

    def evaluate(candidates: list[str]) -> list[str]:
        """Tasks 0 and 1 are running when 1 kills; 2 has not begun. Then 1 does it again."""
        marks = backend.supervision._marks
        tried.append([len(_deaths(marks / f"{number}.deaths")) for number in range(3)])
        if len(tried) == 1:
            died(marks, "0")
            died(marks, "1")
            raise BrokenProcessPool("The exit codes of the workers are {SIGSEGV(-11)}")
        with (
            running_marker(marks, "0", alone=True),
            (marks / "turn").open() as turn,
            pytest.raises(BlockingIOError),  # nobody else can run now
        ):
            fcntl.flock(turn, fcntl.LOCK_SH | fcntl.LOCK_NB)
        if len(tried) == 2:
            died(marks, "1")
            raise BrokenProcessPool
        return [run(backend) for _ in candidates]

    results = retry_on_worker_death(evaluate)(["a", "b", "c"])
    assert [result == "fitted" for result in results] == [True, False, True]
    assert results[1].startswith("its process was killed 2 times (BrokenProcessPool)")
    assert tried == [[0, 0, 0], [1, 1, 0], [1, 2, 0]]
    assert backend.supervision is None


def test_the_next_evaluation_begins_without_deaths(backend: SupervisedBackend) -> None:
    n_tries = []

    def evaluate() -> str:
        n_tries.append(1)
        if len(n_tries) < 3:
            died(backend.supervision._marks, "0")
            raise BrokenProcessPool
        return run(backend)

    evaluate_again = retry_on_worker_death(evaluate)
    assert evaluate_again().startswith("its process was killed 2 times")
    assert evaluate_again() == "fitted"


def test_tasks_elsewhere_are_not_to_blame_and_there_is_an_end(
    backend: SupervisedBackend,
) -> None:
    tried = []

    def evaluate() -> None:
        marks = backend.supervision._marks
        tried.append(len(list(marks.glob("*.deaths"))))
        (marks / "0.running").write_text(str(os.getpid()))  # it lives
        raise BrokenProcessPool

    with pytest.raises(BrokenProcessPool):
        retry_on_worker_death(evaluate)()
    assert tried == [0, 0]

    def mistaken() -> None:
        raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        retry_on_worker_death(mistaken)()
    with joblib.parallel_config(backend="threading"):
        assert retry_on_worker_death(mistaken) is mistaken


def test_a_task_that_nobody_waits_for_leaves_no_mark(tmp_path: Path) -> None:
    task = Supervision(tmp_path / "gone").supervise(batch())
    assert task() == ["fitted"]
    assert not (tmp_path / "gone").exists()


def test_a_task_that_is_no_fit_fails_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / "0.deaths").write_text("SIGKILL(-9)\nSIGKILL(-9)\n")
    task = Supervision(tmp_path).supervise(lambda: "done")
    with pytest.raises(ChildProcessError, match=r"killed 2 times \(SIGKILL\(-9\)\)"):
        task()


def test_a_task_that_waits_to_be_alone_is_not_blamed_for_the_one_before(tmp_path: Path) -> None:
    died(tmp_path, "other")  # whose turn has just ended so
    entered = threading.Event()

    def train() -> None:
        with running_marker(tmp_path, "mine", alone=True):
            entered.set()

    thread = threading.Thread(target=train)
    thread.start()
    assert not entered.wait(0.5)
    assert not (tmp_path / "mine.running").exists()
    (tmp_path / "other.running").unlink()
    thread.join(10)
    assert entered.is_set()


def test_only_workers_of_joblib_are_supervised() -> None:
    for backend, n_jobs in (("loky", 1), ("threading", 2), ("sequential", 2)):
        with joblib.parallel_config(backend=backend), supervised_workers(n_jobs) as supervised:
            assert supervised is None
    with (
        joblib.parallel_config(backend="loky", inner_max_num_threads=1, initializer=print),
        supervised_workers(2) as supervised,
    ):
        assert supervised.inner_max_num_threads == 1
        assert supervised.backend_kwargs == {"initializer": print}
        assert get_active_backend()[0] is supervised
    assert not isinstance(get_active_backend()[0], SupervisedBackend)


@pytest.mark.slow
@pytest.mark.parametrize("signal", ["SIGKILL", "SIGTERM", "SIGHUP"])
def test_workers_end_with_their_parent(signal: str) -> None:
    program = """
import os, signal, time
from joblib import Parallel, delayed
from skcomic.nets.workers import end_with_parent

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup ignores it

def task(parent):
    end_with_parent(parent)
    time.sleep(0.2)
    return os.getpid()

print(*set(Parallel(n_jobs=2)(delayed(task)(os.getpid()) for _ in range(4))), flush=True)
time.sleep(60)
"""
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        workers = [int(process) for process in parent.stdout.readline().split()]
        assert workers
        assert all(_process_exists(process) for process in workers)
        parent.send_signal(getattr(signals, signal))
        parent.wait(60)
    deadline = time.monotonic() + 10
    while any(_process_exists(process) for process in workers):
        assert time.monotonic() < deadline, "workers are still running"
        time.sleep(0.05)


def test_a_process_does_not_end_with_itself_or_a_stranger() -> None:
    n_threads = threading.active_count()
    end_with_parent(os.getpid())
    end_with_parent(1 if os.getppid() != 1 else 2)
    assert threading.active_count() == n_threads


def test_fits_that_take_too_long_fail(faces: pd.DataFrame) -> None:
    search = search_for([2, 4], classify__epochs=100_000, max_seconds_per_fit=0.1)
    with pytest.raises(TimeoutError, match=r"longer than 0\.1 s"):
        search.fit(faces.path, faces.label)
    search.set_params(error_score=np.nan)
    with pytest.raises(ValueError, match=r"^every fit failed: TimeoutError: training took longer"):
        search.fit(faces.path, faces.label)
    assert search.estimator["classify"].max_seconds is None


@pytest.mark.slow
def test_a_search_takes_up_what_is_there(faces: pd.DataFrame, tmp_path: Path) -> None:
    settings = {"kind": BalancedHalvingSearchCV, "classify__epochs": 3}
    settings |= {"checkpoint_dir": tmp_path, "return_train_score": True}
    first = search_for([8, 4, 2], **settings)
    first.fit(faces.path, faces.label)
    assert count_finished(tmp_path) == 3 + 2 + 1
    watch = keras.callbacks.LambdaCallback(on_train_begin=lambda _: 1 / 0)
    again = search_for([8, 4, 2], **settings, classify__callbacks=[watch])
    again.fit(faces.path, faces.label)
    for name, values in first.cv_results_.items():
        if "_time" not in name:  # of loading and scoring
            np.testing.assert_array_equal(values, again.cv_results_[name], err_msg=name)
    assert set(COSTS) <= set(first.cv_results_)
    net = again.best_estimator_["classify"]
    assert net.training_time_ == first.best_estimator_["classify"].training_time_
    other = search_for([8, 4, 2], **settings, classify__callbacks=[watch])
    with pytest.raises(ZeroDivisionError):
        other.set_params(estimator__classify__random_state=1).fit(faces.path, faces.label)


def test_estimators_of_another_kind(faces: pd.DataFrame, tmp_path: Path) -> None:
    for wish in ({"checkpoint_dir": tmp_path}, {"max_seconds_per_fit": 1}):
        search = BalancedRandomizedSearchCV(
            LogisticRegression(), {"C": [1, 2]}, n_iter=2, balance_on=None, n_jobs=1, **wish
        )
        with pytest.raises(ValueError, match=r"to be a net classifier, not LogisticRegression"):
            search.fit(np.eye(20), np.arange(20) % 2)
    search = search_for([2, 4], classify__random_state=None, checkpoint_dir=tmp_path)
    with pytest.raises(ValueError, match="checkpoint_dir requires a random_state"):
        search.fit(faces.path, faces.label)
    assert os.listdir(tmp_path) == []  # noqa: PTH208
