"""Results of scikit-learn's common checks for skcomic's estimators and for other wrappers.

    python benchmarks/compatibility.py [--out FILE.json]

The other wrappers get the same network, as their documentation describes.
"""

import argparse
import json
import logging
import warnings
from collections import Counter
from pathlib import Path
from typing import Any
from unittest import SkipTest

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_estimator,
)

from skcomic import (
    BalancedRandomizedSearchCV,
    ConvNetClassifier,
    ImageVectorizer,
    build_convnet,
)
from skcomic.nets.backend import import_keras

keras = import_keras()
from scikeras.wrappers import KerasClassifier  # noqa: E402

NET = {"image_shape": "pad", "first_units": 4, "filters": 8}
TRAINING = {"epochs": 8, "batch_size": 8}
LEARNING_RATE = 0.03
STATUSES = ("passed", "xfail", "failed", "skipped")
EXPECTED = {
    ConvNetClassifier: {
        "check_estimator_tags_renamed": "scikeras' BaseWrapper still has _more_tags",
        "check_mixin_order": "scikeras' KerasClassifier names BaseEstimator before the mixins",
        "check_sample_weight_equivalence_on_dense_data": "float32, and different batches",
    },
    # scikit-learn's own Pipeline fails these two as well.
    Pipeline: {
        "check_dont_overwrite_parameters": "scikit-learn's Pipeline fits its steps in place",
        "check_estimators_overwrite_params": "scikit-learn's Pipeline fits its steps in place",
    },
}


def for_scikeras(meta: dict[str, Any]) -> Any:
    model = build_convnet(meta, **NET)
    # scikeras encodes labels as integers.
    kind = "binary" if meta["n_classes_"] == 2 else "sparse_categorical"
    model.compile(keras.optimizers.Adam(LEARNING_RATE), f"{kind}_crossentropy")
    return model


def for_keras(X: np.ndarray, y: np.ndarray) -> Any:
    # Keras' own wrapper passes one column per class, for two classes too.
    model = build_convnet({"n_features_in_": X.shape[1], "n_classes_": y.shape[1]}, **NET)
    if y.shape[1] == 2:
        softmax = keras.layers.Dense(2, activation="softmax")
        model = keras.Sequential([*model.layers[:-1], softmax])
        model.build((None, X.shape[1]))
    model.compile(keras.optimizers.Adam(LEARNING_RATE), "categorical_crossentropy")
    return model


def estimators() -> dict[str, Any]:
    return {
        "ImageVectorizer": ImageVectorizer(),
        "ConvNetClassifier": ConvNetClassifier(**NET, **TRAINING, learning_rate=LEARNING_RATE),
        # The checks generate numbers, so this pipeline takes numbers and not paths.
        "Pipeline with it": make_pipeline(
            StandardScaler(),
            ConvNetClassifier(**NET, **TRAINING, learning_rate=LEARNING_RATE, random_state=0),
        ),
        "BalancedRandomizedSearchCV": BalancedRandomizedSearchCV(
            LogisticRegression(), {"C": [0.1, 1.0], "fit_intercept": [True, False]}, n_iter=2,
            balance_on="fit_intercept", cv=2, n_jobs=1, error_score="raise",
        ),
        "scikeras KerasClassifier": KerasClassifier(for_scikeras, **TRAINING, verbose=0),
        "keras SKLearnClassifier": keras.wrappers.SKLearnClassifier(
            for_keras, fit_kwargs={**TRAINING, "verbose": 0}
        ),
    }  # fmt: skip


def check(name: str, estimator: Any) -> list[dict[str, str]]:
    """Return name, status and first line of the reason of each check."""
    expected = EXPECTED.get(type(estimator), {})
    results = [
        {
            "check": result["check_name"],
            "status": result["status"],
            "reason": first_line(result["exception"]),
        }
        for result in check_estimator(
            estimator, on_fail=None, on_skip=None, expected_failed_checks=expected
        )
    ]
    further = {"check": check_dataframe_column_names_consistency.__name__, "reason": ""}
    try:
        check_dataframe_column_names_consistency(name, estimator)
    except SkipTest as error:  # pandas is missing
        return [*results, further | {"status": "skipped", "reason": first_line(error)}]
    except Exception as error:  # any exception of a check is a failure
        return [*results, further | {"status": "failed", "reason": first_line(error)}]
    return [*results, further | {"status": "passed"}]


def first_line(error: Exception | None) -> str:
    # A bare assert has no message, and NumPy's messages begin with an empty line.
    return next(iter(str(error or "").strip().splitlines()), "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="JSON file for all results")
    out = parser.parse_args().out
    warnings.simplefilter("ignore")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    keras.utils.disable_interactive_logging()
    found = {}
    print(f"{'estimator':28}" + "".join(f"{status:>9}" for status in STATUSES))
    for name, estimator in estimators().items():
        found[name] = check(name, estimator)
        counts = Counter(result["status"] for result in found[name])
        print(f"{name:28}" + "".join(f"{counts[status]:9}" for status in STATUSES), flush=True)
    for name, results in found.items():
        for result in results:
            if result["status"] in ("failed", "xfail"):
                print(f"{name}: {result['check']}: {result['reason'][:100]}")
    if out:
        out.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
