"""A loaded model is the model that was saved."""

import json
import pickle
import runpy
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn
from model_files import all_contents, names_in, repacked, schema
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import (
    FixedThresholdClassifier,
    PredefinedSplit,
    TunedThresholdClassifierCV,
)
from sklearn.pipeline import Pipeline

from skcomic import (
    BalancedHalvingSearchCV,
    BalancedRandomizedSearchCV,
    CostScorer,
    load,
    save,
    select_parsimonious,
)
from skcomic.models.archive import FORMAT, PIPELINE, read_manifest

DATA = Path(__file__).parent / "data"


def assert_same(model: Any, again: Any, X: Any, y: Any) -> None:
    assert np.array_equal(again.predict_proba(X), model.predict_proba(X))
    assert np.array_equal(again.predict(X), model.predict(X))
    assert again.score(X, y) == model.score(X, y)
    assert again.classes_.dtype == model.classes_.dtype
    assert again.classes_.tolist() == model.classes_.tolist()


def test_a_pipeline_comes_back(pipeline: Pipeline, file: Path, faces: pd.DataFrame) -> None:
    again = load(file)
    assert_same(pipeline, again, faces.path, faces.label)
    net, net_again = pipeline["classify"], again["classify"]
    for name in ("history_", "n_iter_", "training_time_", "multiply_adds_", "n_parameters_"):
        assert getattr(net_again, name) == getattr(net, name)
    assert pipeline["vectorize"].cache is not None
    assert again["vectorize"].cache is None  # a folder of another machine
    generators = net.random_state.bit_generator, net_again.random_state.bit_generator
    assert generators[0].state == generators[1].state


def test_training_goes_on_as_it_would_have(
    stripes, small_net, fingerprint, tmp_path: Path
) -> None:
    rows, labels = stripes
    labels = labels.astype(object)
    net = small_net(epochs=1, random_state=np.random.RandomState(3), warm_start=True)
    net.fit(rows, labels)
    save(net, tmp_path / "net")
    again = load(tmp_path / "net")
    assert_same(net, again, rows, labels)
    for other in (net, again):
        other.partial_fit(rows, labels).fit(rows, labels)
    assert fingerprint(again) == fingerprint(net)
    assert again.history_ == net.history_
    assert again.n_iter_ == 3


@pytest.mark.parametrize("kind", ["calibrated", "isotonic", "tuned", "fixed", "cross"])
def test_what_is_around_it_comes_back(
    kind: str, stripes, small_net, pipeline: Pipeline, faces: pd.DataFrame, tmp_path: Path
) -> None:
    X, y = faces.path, faces.label
    if kind == "cross":
        X, y = stripes[0], (stripes[1] == "down").astype(int) * 7 - 3
    ready = FrozenEstimator(pipeline)
    model = {
        "calibrated": CalibratedClassifierCV(ready),
        "isotonic": CalibratedClassifierCV(ready, method="isotonic"),
        "tuned": TunedThresholdClassifierCV(pipeline, cv="prefit", refit=False),
        "fixed": FixedThresholdClassifier(ready, threshold=0.4, pos_label="comics"),
        "cross": CalibratedClassifierCV(small_net(epochs=1, precision="mixed_bfloat16"), cv=2),
    }[kind].fit(X, y)
    save(model, tmp_path / "model")
    assert_same(model, load(tmp_path / "model"), X, y)
    assert len(read_manifest(tmp_path / "model")["networks"]) == (2 if kind == "cross" else 1)


def test_searches_come_back(stripes, small_net, tmp_path: Path) -> None:
    rows, labels = stripes[0], stripes[1] == "down"
    settings = {
        "estimator": small_net(epochs=1),
        "param_distributions": {"pooling": ["average", "max"]},
        "n_iter": 2,
        "balance_on": "pooling",
        "scoring": CostScorer(True),
        "refit": select_parsimonious(0.1, "multiply_adds"),
        "cv": PredefinedSplit(np.repeat([-1, 0], 30)),
        "n_jobs": 1,
    }
    search = BalancedRandomizedSearchCV(**settings).fit(rows, labels)
    halving = BalancedHalvingSearchCV(**settings, resource="epochs")
    vars(halving).update(vars(search))  # as if it had found the same
    for kind in (search, halving):
        save(kind, tmp_path / "search")
        again = load(tmp_path / "search")
        assert type(again) is type(kind)
        assert np.array_equal(again.predict_proba(rows), search.predict_proba(rows))
        assert again.best_params_ == search.best_params_
        assert again.classes_.tolist() == [False, True]
        assert again.cv_results_.keys() == search.cv_results_.keys()
        for name, values in search.cv_results_.items():
            assert list(again.cv_results_[name]) == list(values), name


def test_no_member_is_a_pickle(file: Path) -> None:
    contents = all_contents(file.read_bytes())
    starts = (b"{", b"\x93NUMPY", b"\x89HDF\r\n")  # of JSON, arrays and weights
    for start in starts:
        assert any(content.startswith(start) for content in contents)
    for content in contents:
        assert content.startswith(starts)
        assert not is_pickle(content)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert is_pickle(pickle.dumps({"a": [1]}, protocol))


def is_pickle(content: bytes) -> bool:
    """Whether Python unpickles it, or its first bytes are those of protocol 2 or later."""
    try:
        pickle.loads(content)
    except pickle.UnpicklingError:
        return content.startswith(pickle.PROTO)
    return True


@pytest.mark.parametrize("number", range(1, FORMAT + 1))
def test_a_file_of_each_format_is_loaded(number: int) -> None:
    rows = runpy.run_path(str(DATA / "make_model.py"))["rows"](12 * 12)
    path = DATA / f"model_format_{number}.skcomic"
    assert read_manifest(path)["format"] == number
    assert path.stat().st_size < 60_000
    other = is_of_another_sklearn(path)
    with pytest.warns(InconsistentVersionWarning) if other else nullcontext():
        model = load(path)
    expected = json.loads(path.with_suffix(".json").read_text())
    np.testing.assert_allclose(model["classify"].predict_proba(rows), expected, atol=1e-5)
    assert model.classes_.tolist() == ["comics", "faces"]
    assert model["vectorize"].size == 12
    repr(model["classify"].get_params())  # parameters that came later have their defaults


def test_a_search_of_format_1_is_still_loaded(tmp_path: Path) -> None:
    """It was saved by the last version that named classes by their modules in files."""
    path = DATA / "search_format_1.skcomic"
    with (
        pytest.warns(InconsistentVersionWarning) if is_of_another_sklearn(path) else nullcontext()
    ):
        search = load(path)
    assert type(search) is BalancedRandomizedSearchCV
    assert repr(search.scorer_) == "CostScorer(positive='comics')"
    assert type(search.refit) is type(select_parsimonious())
    assert (search.refit.tolerance, search.refit.cost) == (0.005, "multiply_adds")
    rows = runpy.run_path(str(DATA / "make_model.py"))["rows"](12 * 12)
    expected = json.loads(path.with_suffix(".json").read_text())
    again = search.best_estimator_["classify"].predict_proba(rows)
    np.testing.assert_allclose(again, expected, atol=1e-5)
    save(search, tmp_path / "again")
    assert names_in(tmp_path / "again") == {
        "skcomic.BalancedRandomizedSearchCV", "skcomic.ConvNetClassifier", "skcomic.CostScorer",
        "skcomic.ImageVectorizer", "skcomic.ParsimoniousChoice",
    }  # fmt: skip
    assert "skcomic.classifier.ConvNetClassifier" in names_in(path)
    assert read_manifest(path)["format"] == 1


def is_of_another_sklearn(path: Path) -> bool:
    return read_manifest(path)["versions"]["scikit-learn"] != sklearn.__version__


def test_parameters_that_came_later_have_their_defaults(file: Path, tmp_path: Path) -> None:
    def make_older(tree: dict[str, Any]) -> None:
        vectorizer = tree["content"]["content"]["steps"]["content"][0]["content"][1]["content"]
        del vectorizer["content"]["resample"], vectorizer["key_types"]["content"][0]

    vectorizer = load(repacked(file, PIPELINE, schema(make_older), tmp_path / "older"))[0]
    assert vectorizer.get_params()["resample"] == "box"


def test_the_manifest_is_read_without_tensorflow(file: Path) -> None:
    program = (
        "import sys; from skcomic.models.archive import read_manifest\n"
        f"print(read_manifest({str(file)!r})['classes'], "
        "{'tensorflow', 'keras', 'skops', 'pandas', 'sklearn'} & set(sys.modules))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stdout == "['comics', 'faces'] set()\n"
