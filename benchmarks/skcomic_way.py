"""The search among the six nets of ``report_way.py`` by skcomic::

    python benchmarks/skcomic_way.py ROOT [--precision auto] [--search halving] [--size 64] ...

Prints one JSON object: each net's precision, recall and F-score on the validation images.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from skcomic import start_workers


def find(
    root: Path, *, precision: str, search: str, size: int, epochs: int, batch_size: int, jobs: int
) -> dict[str, Any]:
    """Split the images by pair, decode them once and train the six nets in parallel."""
    start_workers(jobs)  # first: TensorFlow is imported in all processes at the same time
    import numpy as np
    import pandas as pd
    from report_way import NETS, POSITIVE
    from sklearn.model_selection import PredefinedSplit

    from skcomic import (
        BalancedHalvingSearchCV,
        BalancedRandomizedSearchCV,
        CostScorer,
        load_catalogue,
        make_comic_pipeline,
        net_name,
        split_catalogue,
    )
    from skcomic.images.loading import load_rasters, temporary_cache

    split = split_catalogue(load_catalogue(root), random_state=0, duplicates="ignore")
    both = pd.concat([split.train, split.validation])
    names = [f"classify__{name}" for name in ("first_units", "pooling", "n_conv")]
    nets = [dict(zip(names, [[value] for value in net], strict=True)) for net in NETS]
    kind = {"random": BalancedRandomizedSearchCV, "halving": BalancedHalvingSearchCV}[search]
    with temporary_cache() as cache:  # empty, as in a first search
        load_rasters(both.path.tolist(), [(size, size)], n_jobs=jobs, cache=cache)
        pipeline = make_comic_pipeline(
            vectorize__size=size, vectorize__cache=cache, classify__epochs=epochs,
            classify__batch_size=batch_size, classify__precision=precision,
            classify__random_state=0,
        )  # fmt: skip
        results = kind(
            pipeline, nets, n_iter=len(nets), balance_on=None, scoring=CostScorer(POSITIVE),
            cv=PredefinedSplit(np.repeat([-1, 0], [len(split.train), len(split.validation)])),
            n_jobs=jobs, refit=False, error_score="raise", random_state=0,
        ).fit(both.path, both.label).cv_results_  # fmt: skip
    scores = ("precision", "recall", "f_score")
    return {
        "nets": [
            {"net": net_name(params), "epochs": params.get("classify__epochs", epochs)}
            | {name: float(results[f"mean_test_{name}"][i]) for name in scores}
            for i, params in enumerate(results["params"])
        ]
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=Path)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--search", default="random")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--batch-size", type=int, default=50)
    parser.add_argument("--jobs", type=int, default=-1)
    print(json.dumps(find(**vars(parser.parse_args())), indent=1))
