"""The search among the same six nets by scikeras and scikit-learn, as in their guides::

    python benchmarks/plain_way.py ROOT [--size 64] [--epochs 25] [--batch-size 50] [--jobs -1]

Pillow in a ``FunctionTransformer``, ``Pipeline(memory=...)``, ``RandomizedSearchCV(n_jobs=-1)``.
Of skcomic it uses the split alone, so that both are scored on the same images.
"""

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from report_way import NETS, POSITIVE, read_rows
from sklearn.model_selection import PredefinedSplit, RandomizedSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from skcomic import load_catalogue, split_catalogue


def build(meta: dict[str, Any], first_units: int, pooling: str, n_conv: int) -> Any:
    """Build the network of the report."""
    import keras
    from keras import layers

    side = int(meta["n_features_in_"] ** 0.5)
    pool = {"max": layers.MaxPooling2D, "average": layers.AveragePooling2D}[pooling]
    stack = [
        keras.Input((side**2,)),
        layers.Reshape((side, side, 1)),
        layers.Dense(first_units, activation="relu"),
    ]
    for _ in range(n_conv):
        stack += [layers.Conv2D(32, 3, activation="relu"), pool(2)]
    return keras.Sequential([*stack, layers.Flatten(), layers.Dense(1, activation="sigmoid")])


def search(root: Path, *, size: int, epochs: int, batch_size: int, jobs: int) -> dict[str, Any]:
    """Train the six nets in parallel."""
    from scikeras.wrappers import KerasClassifier

    split = split_catalogue(load_catalogue(root), random_state=0, duplicates="ignore")
    both = pd.concat([split.train, split.validation])
    names = [f"net__model__{name}" for name in ("first_units", "pooling", "n_conv")]
    with tempfile.TemporaryDirectory() as memory:
        pipeline = Pipeline(
            [
                ("read", FunctionTransformer(read_rows, kw_args={"size": size})),
                (
                    "net",
                    KerasClassifier(
                        build, loss="binary_crossentropy", optimizer="adam", epochs=epochs,
                        batch_size=batch_size, verbose=0,
                    ),
                ),
            ],
            memory=memory,
        )  # fmt: skip
        candidates = [dict(zip(names, [[value] for value in net], strict=True)) for net in NETS]
        randomized = RandomizedSearchCV(
            pipeline, candidates, n_iter=len(NETS), scoring="f1", refit=False, n_jobs=jobs,
            cv=PredefinedSplit(np.repeat([-1, 0], [len(split.train), len(split.validation)])),
            error_score="raise", random_state=0,
        )  # fmt: skip
        target = (both.label == POSITIVE).astype(int).to_numpy()
        results = randomized.fit(both.path.to_numpy(), target).cv_results_
    return {
        "nets": [
            {"net": "_".join(str(params[name]) for name in names), "f_score": float(score)}
            for params, score in zip(results["params"], results["mean_test_score"], strict=True)
        ]
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=Path)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--batch-size", type=int, default=50)
    parser.add_argument("--jobs", type=int, default=-1)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    print(json.dumps(search(**vars(parser.parse_args())), indent=1))
