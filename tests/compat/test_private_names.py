"""The private names of other libraries that skcomic uses: each test fails when one changes."""

import inspect
import logging
import os
import re
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import joblib
import numpy as np
import pytest
from joblib.parallel import BatchedCalls, SequentialBackend
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.utils import estimator_html_repr
from sklearn.utils.validation import validate_data

from skcomic import (
    ARCHITECTURES,
    BalancedRandomizedSearchCV,
    ImageVectorizer,
    make_comic_pipeline,
)
from skcomic._compat import joblib as compat_joblib
from skcomic._compat import keras as compat_keras
from skcomic._compat import sklearn as compat_sklearn

# Parameter validation


def test_parameters_are_validated_by_scikit_learn() -> None:
    from sklearn.base import _fit_context
    from sklearn.utils import _param_validation as private

    assert compat_sklearn.fit_context is _fit_context
    for name in ("Interval", "InvalidParameterError", "Options", "StrOptions", "validate_params"):
        assert getattr(compat_sklearn, name) is getattr(private, name)
    with pytest.raises(compat_sklearn.InvalidParameterError, match="'size' parameter"):
        compat_sklearn.validate_parameters(ImageVectorizer(size=-1))


@pytest.mark.slow
def test_skcomic_works_without_the_private_names_of_scikit_learn() -> None:
    """As it would after a rename upstream: only parameters are no longer validated."""
    program = """
import sys
import numpy as np
# What uses these names itself is imported before they are deleted.
import imagehash, scikeras.wrappers, sklearn.base, sklearn.utils.validation
import sklearn.model_selection, sklearn.pipeline
from sklearn.model_selection import PredefinedSplit
del sklearn.base._fit_context, sklearn.utils.validation._check_sample_weight
from skcomic import BalancedRandomizedSearchCV, ConvNetClassifier, ImageVectorizer
from skcomic.datasets import make_comic_faces
from skcomic._compat.sklearn import fit_context
assert fit_context.__module__ == "skcomic._compat.sklearn"
rows, labels = np.random.default_rng(0).random((8, 64), dtype=np.float32), [0, 1] * 4
net = ConvNetClassifier(epochs=1, first_units=2, filters=2, random_state=0)
search = BalancedRandomizedSearchCV(
    net, {"pooling": ["max", "average"]}, n_iter=2, balance_on="pooling", n_jobs=1,
    cv=PredefinedSplit([-1, -1, 0, 0] * 2),
)
search.fit(rows, labels, sample_weight=np.ones(8))
ImageVectorizer().fit(["a.jpg"])
print("done")
"""
    result = subprocess.run(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=True
    )
    assert result.stdout == "done\n"


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([1, -1, 1], "Negative values"),
        ([1, np.nan, 1], "NaN"),
        ([1, 1], r"expected \(3,\)"),
        ([[1], [1], [1]], "1D array or scalar"),
    ],
)
def test_sample_weights_are_validated_as_scikit_learn_does(weight, message: str) -> None:
    from sklearn.utils.validation import _check_sample_weight

    X = np.zeros((3, 1), np.float32)
    for check in (
        compat_sklearn.check_sample_weight,
        lambda w, X: _check_sample_weight(w, X, dtype=np.float32, ensure_non_negative=True),
    ):
        with pytest.raises(ValueError, match=message):
            check(weight, X)
    for good in (2, [1, 2, 3], np.arange(3.0)):
        np.testing.assert_array_equal(
            compat_sklearn.check_sample_weight(good, X), _check_sample_weight(good, X)
        )


# What is shown, and called back


def test_a_block_of_another_name_is_shown() -> None:
    from sklearn.utils._repr_html.estimator import _VisualBlock

    block = compat_sklearn.visual_block(DummyClassifier(), "another name")
    assert isinstance(block, _VisualBlock)

    class Named(BaseEstimator):
        def _sk_visual_block_(self):
            return compat_sklearn.visual_block(self, "another name")

    class Unnamed(BaseEstimator):
        def _sk_visual_block_(self):
            raise ImportError

    assert "another name" in estimator_html_repr(Named())
    assert "Unnamed" in estimator_html_repr(Unnamed())


def test_diagrams_link_to_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    model = BalancedRandomizedSearchCV(make_comic_pipeline(), ARCHITECTURES)
    assert "skcomic." not in estimator_html_repr(model)  # no address is known
    links = compat_sklearn.ReferenceLinks
    monkeypatch.setattr(links, "_doc_link_template", "https://here/skcomic.{estimator_name}.html")
    diagram = estimator_html_repr(model)
    for name in ("BalancedRandomizedSearchCV", "ConvNetClassifier", "ImageVectorizer"):
        assert f'href="https://here/skcomic.{name}.html"' in diagram
    assert "https://here/skcomic.Pipeline" not in diagram


def test_tasks_of_a_fit_reach_callbacks() -> None:
    pytest.importorskip("sklearn.callback")  # scikit-learn 1.9

    called = []

    class Record:
        max_propagation_depth = None

        def setup(self, estimator, context) -> None:
            pass

        def teardown(self, estimator, context) -> None:
            pass

        def on_fit_task_begin(self, estimator, context, **_) -> None:
            called.append(("begin", context.task_name))

        def on_fit_task_end(self, estimator, context, **_) -> bool:
            called.append(("end", context.task_name))
            return context.task_name == "part"

    class Estimator(compat_sklearn.CallbackSupportMixin, BaseEstimator):
        @compat_sklearn.with_callbacks
        def fit(self, X, y):
            with compat_sklearn.fit_task(self, X, y, n_subtasks=1) as context:
                part = compat_sklearn.subtask(context, self, "part")
                assert part.end()
                assert context._children_map
                compat_sklearn.reset_subtasks(context)
                assert not context._children_map
            return self

    Estimator().set_callbacks(Record()).fit([[0]], [0])
    assert called[1:3] == [("begin", "part"), ("end", "part")]
    assert [when for when, _ in called] == ["begin", "begin", "end", "end"]


# Hooks and messages of searches


def test_scikit_learn_still_calls_the_hooks_of_a_search() -> None:
    for name, parameters in (
        ("_format_results", ["self", "candidate_params", "n_splits", "out", "more_results"]),
        ("_select_best_index", ["refit", "refit_metric", "results"]),
        ("_run_search", ["self", "evaluate_candidates"]),
    ):
        hook = inspect.signature(getattr(RandomizedSearchCV, name))
        assert [*hook.parameters][: len(parameters)] == parameters
    called = []

    class Hooked(compat_sklearn.SearchHooks, GridSearchCV):
        def _make_results(self, format_results, candidates, errors):
            called.append((candidates, errors))
            return super()._make_results(format_results, candidates, errors)

        def _select(self, select, refit, refit_metric, results):
            called.append((refit, refit_metric))
            return super()._select(select, refit, refit_metric, results)

    X, y = np.zeros((10, 1)), np.arange(10) % 2
    Hooked(DummyClassifier(), {"strategy": ["prior", "uniform"]}, cv=3).fit(X, y)
    candidates = [{"strategy": "prior"}, {"strategy": "uniform"}]
    assert called == [(candidates, [[""] * 3] * 2), (True, "score")]


class Failing(ClassifierMixin, BaseEstimator):
    """Its fits fail with the same error."""

    def fit(self, X, y):
        raise RuntimeError("out of order")


def test_the_message_of_failed_fits_is_recognized() -> None:
    X, y = np.zeros((10, 1)), np.arange(10) % 2
    with pytest.raises(ValueError, match="fits failed") as failed:
        GridSearchCV(Failing(), {}, cv=2).fit(X, y)
    assert compat_sklearn.reasons_of_failed_fits(failed.value) == "RuntimeError: out of order"
    assert compat_sklearn.reasons_of_failed_fits(ValueError("another")) is None
    search = BalancedRandomizedSearchCV(
        Failing(), {"a": [1]}, n_iter=1, balance_on=None, n_jobs=1, cv=2
    )
    with pytest.raises(ValueError, match="'a'"):
        search.fit(X, y)


def test_the_warning_about_scores_is_recognized() -> None:
    X, y = np.zeros((10, 1)), np.arange(10) % 2
    scorer = {"constant": lambda *_: float("nan")}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        search = GridSearchCV(DummyClassifier(), {}, cv=2, refit=False, scoring=scorer)
        search.set_params(return_train_score=True).fit(X, y)
    messages = [str(warning.message) for warning in caught]
    found = [text for text in messages if re.match(compat_sklearn.NON_FINITE_SCORES, text)]
    assert len(found) == 2


def test_parameters_and_callbacks_of_estimators_are_kept_as_expected(small_net) -> None:
    net = small_net()
    assert compat_sklearn.signature_parameters(type(net)) == sorted(net.get_params())
    assert compat_sklearn.signature_parameters(DummyClassifier) == sorted(
        DummyClassifier().get_params()
    )
    callback = pytest.importorskip("sklearn.callback")  # scikit-learn 1.9
    net.set_callbacks(callback.ProgressBar())
    assert "_skl_callbacks" in vars(net)
    compat_sklearn.remove_callbacks(net)
    assert "_skl_callbacks" not in vars(net)
    compat_sklearn.remove_callbacks(net)


def test_the_message_about_nan_is_recognized() -> None:
    with pytest.raises(ValueError, match="NaN") as refused:
        validate_data(DummyClassifier(), [[np.nan]])
    assert compat_sklearn.is_about_nan(refused.value)
    assert not compat_sklearn.is_about_nan(ValueError("another"))


# joblib


def test_the_backend_of_worker_processes_is_recognized() -> None:
    assert isinstance(compat_joblib.active_loky_backend(), compat_joblib.LokyBackend)
    with joblib.parallel_config(backend="threading"):
        assert compat_joblib.active_loky_backend() is None


def test_the_calls_of_a_batch_are_found() -> None:
    call = (len, ([],), {})
    assert compat_joblib.calls_in(BatchedCalls([call], (SequentialBackend(), None))) == [call]
    assert compat_joblib.calls_in(object()) == []


def test_joblib_says_how_a_worker_ended() -> None:
    program = """
import os
from joblib import Parallel, delayed
from skcomic._compat.joblib import exit_codes
try:
    Parallel(n_jobs=2)(delayed(os._exit)(3) for _ in range(2))
except Exception as error:
    print(exit_codes(error))
"""
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "EXIT(3)" in result.stdout
    assert compat_joblib.exit_codes(KeyError("x")) == "KeyError"


# Keras and TensorFlow


def test_early_stopping_and_models_have_the_attributes_that_are_used(stripes, small_net) -> None:
    from skcomic.nets.backend import import_keras
    from skcomic.nets.sharing import shared_network

    keras = import_keras()
    stopper = keras.callbacks.EarlyStopping("val_loss", restore_best_weights=True)
    stopper.on_train_begin()
    numbers, weights = compat_keras.early_stopping_state(stopper)
    assert numbers == {"wait": 0, "best": None, "best_epoch": 0} or numbers["wait"] == 0
    assert weights is None
    compat_keras.restore_early_stopping(stopper, {"wait": 2, "best": 1.0, "best_epoch": 3}, [1])
    assert (stopper.wait, stopper.best, stopper.best_epoch) == (2, 1.0, 3)
    assert stopper.best_weights == [1]

    net = small_net(epochs=1).fit(*stripes)
    with shared_network(net) as network:
        assert network.train_function is not None
        compat_keras.set_steps_per_execution(network, 1)
        assert network.train_function is not None  # as it was
        compat_keras.set_steps_per_execution(network, 2)
        assert network.train_function is None
        assert network.steps_per_execution == 2

    callback = keras.callbacks.Callback()
    with compat_keras.detached_model([callback]):
        callback.set_model(net.model_)
        assert callback.model is net.model_
    assert callback.model is None


@pytest.mark.slow
def test_threads_that_the_user_has_set_are_recognized() -> None:
    program = """
import tensorflow
from skcomic._compat.keras import has_thread_setting
print(has_thread_setting("intra_op"), has_thread_setting("inter_op"))
tensorflow.config.threading.set_intra_op_parallelism_threads(2)
print(has_thread_setting("intra_op"), has_thread_setting("inter_op"))
import skcomic.nets.convnet
print(tensorflow.config.threading.get_intra_op_parallelism_threads(),
      tensorflow.config.threading.get_inter_op_parallelism_threads())
"""
    result = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    assert result.stdout.splitlines() == ["False False", "True False", "2 1"]


def test_the_warning_about_retracing_is_recognized(caplog: pytest.LogCaptureFixture) -> None:
    from skcomic.nets.backend import import_tensorflow

    tensorflow = import_tensorflow()
    logger = logging.getLogger("tensorflow")
    logger.addHandler(caplog.handler)

    def retrace(function) -> None:
        for i in range(8):
            function(i)

    try:
        retrace(tensorflow.function(lambda x: x + 1))
        messages = [record.getMessage() for record in caplog.records]
        assert any("triggered tf.function retracing" in message for message in messages)
        caplog.clear()
        with compat_keras.silenced_retracing():
            retrace(tensorflow.function(lambda x: x + 2))
        assert caplog.records == []
    finally:
        logger.removeHandler(caplog.handler)


def test_networks_are_loaded_from_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from skcomic.nets.backend import import_keras

    keras = import_keras()
    network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    network.save(tmp_path / "network.keras")
    content = (tmp_path / "network.keras").read_bytes()

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("a temporary file")

    for name in ("mkstemp", "mkdtemp"):
        monkeypatch.setattr(tempfile, name, fail)
    again = compat_keras.load_network(content)
    rows = np.eye(4, dtype=np.float32)
    np.testing.assert_array_equal(again(rows), network(rows))
