"""The search of the same six nets as ``report_way.py``, by skcomic::

    python benchmarks/skcomic_way.py ROOT [--size 64] [--epochs 25] [--batch-size 50] [--jobs 2]

Prints one JSON object: seconds of the search (reading is part of it) and each net's precision,
recall and F-score on the validation images.
"""

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from report_way import NETS, POSITIVE
from sklearn.model_selection import GridSearchCV, PredefinedSplit

from skcomic import (
    CostScorer,
    load_catalogue,
    make_comic_pipeline,
    net_name,
    split_catalogue,
)


def search(
    root: Path, *, size: int = 64, epochs: int = 25, batch_size: int = 50, jobs: int = 2
) -> dict[str, Any]:
    """Split the images by pair and train the six nets side by side."""
    start = time.perf_counter()
    catalogue = load_catalogue(root)
    split = split_catalogue(catalogue, random_state=0)
    both = pd.concat([split.train, split.validation])
    pipeline = make_comic_pipeline(
        vectorize__size=size,
        classify__epochs=epochs,
        classify__batch_size=batch_size,
        classify__random_state=0,
    )
    names = [f"classify__{name}" for name in ("first_units", "pooling", "n_conv")]
    nets = [dict(zip(names, net, strict=True)) for net in NETS]
    grid = GridSearchCV(
        pipeline,
        [{name: [value] for name, value in net.items()} for net in nets],
        scoring=CostScorer(POSITIVE),
        cv=PredefinedSplit(np.repeat([-1, 0], [len(split.train), len(split.validation)])),
        n_jobs=jobs,
        refit=False,
        error_score="raise",
    )
    results = grid.fit(both.path, both.label).cv_results_
    return {
        "images": len(catalogue),
        "search_seconds": time.perf_counter() - start,
        "nets": [
            {"net": net_name(params), "seconds": results["mean_test_wall_seconds"][i]}
            | {
                name: results[f"mean_test_{name}"][i]
                for name in ("precision", "recall", "f_score")
            }
            for i, params in enumerate(results["params"])
        ],
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=Path)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--batch-size", type=int, default=50)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    print(json.dumps(search(**vars(parser.parse_args())), indent=1))
