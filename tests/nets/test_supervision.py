"""Searches whose workers are killed, whose fits take too long, and that are begun again."""

import fcntl
import os
import site
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import PredefinedSplit

from skcomic import (
    BalancedHalvingSearchCV,
    BalancedRandomizedSearchCV,
    CostScorer,
    make_comic_pipeline,
    select_parsimonious,
)
from skcomic.nets.backend import keras
from skcomic.nets.checkpoints import count_finished
from skcomic.nets.supervision import (
    is_orphan,
    retry_on_worker_death,
    running_marker,
    supervised_folder,
)

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
def fatal(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """The module of callbacks that kill; workers of their own, each with one thread, find it."""
    monkeypatch.syspath_prepend(FOLDER)
    import fatal

    workers = joblib.parallel_config(
        backend="loky", initializer=site.addsitedir, initargs=(str(FOLDER),)
    )
    with workers:
        yield fatal


def scores(results: dict, n: int | slice = slice(None)) -> dict:
    return {
        name: np.asarray(values)[n].tolist()
        for name, values in results.items()
        if name.startswith(("mean_test", "params")) and name not in COSTS
    }


def test_a_candidate_that_kills_its_workers_fails_alone(faces: pd.DataFrame, fatal) -> None:
    search = search_for(
        [8, 4, 2], 2, classify__callbacks=[fatal.KillWhereUnits(8)], error_score=np.nan
    )
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


def died(marks: Path, key: str) -> None:
    """Leave the mark of a fit whose process is no more."""
    process = subprocess.Popen(["true"])
    process.wait()
    (marks / f"{key}.under-way").write_text(str(process.pid))


def test_who_was_under_way_is_tried_alone_and_once_more() -> None:
    with supervised_folder(None) as folder:
        tried = []

        def evaluate(candidates: list[str]) -> str:
            """Fits a and b are under way when b kills; c is not begun. Then b does it again."""
            with running_marker(folder, "c"):  # may be trained beside others
                pass
            tried.append([len(list(folder.marks.glob(f"{key}.deaths"))) for key in candidates])
            if len(tried) == 1:
                died(folder.marks, "a")
                died(folder.marks, "b")
                raise BrokenProcessPool("The exit codes of the workers are {SIGSEGV(-11)}")
            with (
                running_marker(folder, "a"),
                (folder.marks / "turn").open() as turn,
                pytest.raises(BlockingIOError),  # nobody else can train now
            ):
                fcntl.flock(turn, fcntl.LOCK_SH | fcntl.LOCK_NB)
            if len(tried) == 2:
                died(folder.marks, "b")
                raise BrokenProcessPool
            with (
                pytest.raises(ChildProcessError, match=r"killed 2 times \(BrokenProcessPool\)"),
                running_marker(folder, "b"),
            ):
                pass
            return "done"

        assert retry_on_worker_death(evaluate, folder)(["a", "b", "c"]) == "done"
        assert tried == [[0, 0, 0], [1, 1, 0], [1, 1, 0]]


def test_fits_under_way_elsewhere_are_not_to_blame_and_there_is_an_end() -> None:
    with supervised_folder(None) as folder:
        tried = []

        def evaluate() -> None:
            tried.append(1)
            (folder.marks / "mine.under-way").write_text(str(os.getpid()))  # it lives
            raise BrokenProcessPool

        with pytest.raises(BrokenProcessPool):
            retry_on_worker_death(evaluate, folder)()
        assert len(tried) == 2
        assert not list(folder.marks.glob("*.deaths"))

        def mistaken() -> None:
            raise ValueError

        with pytest.raises(ValueError, match=r"^$"):
            retry_on_worker_death(mistaken, folder)()
    assert retry_on_worker_death(mistaken, None) is mistaken
    with running_marker(folder, "a"):  # the folder of marks is gone: as on another machine
        assert not folder.marks.exists()


def test_a_fit_that_waits_to_be_alone_is_not_blamed_for_the_one_before() -> None:
    with supervised_folder(None) as folder:
        (folder.marks / "mine.deaths").write_text("SIGKILL(-9)\n")
        died(folder.marks, "other")  # whose turn has just ended so
        entered = threading.Event()

        def train() -> None:
            with running_marker(folder, "mine"):
                entered.set()

        thread = threading.Thread(target=train)
        thread.start()
        assert not entered.wait(0.5)
        assert not (folder.marks / "mine.under-way").exists()
        (folder.marks / "other.under-way").unlink()
        thread.join(10)
        assert entered.is_set()


def test_orphans_know_that_they_are() -> None:
    with supervised_folder(None) as folder:
        assert not is_orphan(folder)
        process = subprocess.Popen(["true"])
        process.wait()
        folder.parent = process.pid
        assert is_orphan(folder)
    assert not is_orphan(folder)
    assert not is_orphan("anywhere")


def test_fits_that_take_too_long_fail(faces: pd.DataFrame) -> None:
    search = search_for([2, 4], classify__epochs=100_000, max_seconds_per_fit=0.1)
    with pytest.raises(TimeoutError, match=r"longer than 0\.1 s"):
        search.fit(faces.path, faces.label)
    search.set_params(error_score=np.nan)
    with pytest.raises(ValueError, match=r"^every fit failed: TimeoutError: training took longer"):
        search.fit(faces.path, faces.label)
    assert search.estimator["classify"].max_seconds is None


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
        with pytest.raises(ValueError, match=r"to be a ConvNetClassifier, not LogisticRegression"):
            search.fit(np.eye(20), np.arange(20) % 2)
    search = search_for([2, 4], classify__random_state=None, checkpoint_dir=tmp_path)
    with pytest.raises(ValueError, match="checkpoint_dir wants a random_state"):
        search.fit(faces.path, faces.label)
    assert os.listdir(tmp_path) == []  # noqa: PTH208
