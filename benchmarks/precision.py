"""Compare the F-scores of nets trained in bfloat16 and in float32, for ten seeds::

    python benchmarks/precision.py --root DIR [--seeds 10] [--size 64] [--epochs 30]

Each seed gives another split by pairs. The same net is trained in both precisions on the
training and validation images. Prints mean and standard deviation of the F-scores on the test
images, and a paired t-test of their differences.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy.stats import ttest_rel

from skcomic import CostScorer, load_catalogue, make_comic_pipeline
from skcomic import split_catalogue as split_by_pairs

POSITIVE = "comics"
PRECISIONS = ("float32", "mixed_bfloat16")


def f_scores(root: Path, size: int, epochs: int, seed: int) -> dict[str, float]:
    """Train in both precisions on one split."""
    split = split_by_pairs(load_catalogue(root), random_state=seed, duplicates="ignore")
    development = pd.concat([split.train, split.validation])
    scores = {}
    for precision in PRECISIONS:
        pipeline = make_comic_pipeline(
            vectorize__size=size, classify__precision=precision, classify__random_state=seed,
            classify__epochs=epochs, classify__batch_size=35,
        ).fit(development.path, development.label)  # fmt: skip
        scored = CostScorer(POSITIVE)(pipeline, split.test.path, split.test.label)
        scores[precision] = scored["f_score"]
        scores[f"{precision} CPU s"] = scored["cpu_seconds"]
    return scores


def main() -> None:
    """Run all seeds, one per core at a time."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=30)
    args = parser.parse_args()
    found = Parallel(n_jobs=-1)(
        delayed(f_scores)(args.root, args.size, args.epochs, seed) for seed in range(args.seeds)
    )
    print(json.dumps(found, indent=1))
    table = pd.DataFrame(found)
    single, mixed = (table[precision] for precision in PRECISIONS)
    for precision in PRECISIONS:
        cpu = table[f"{precision} CPU s"].median()
        print(
            f"{precision:15} F {table[precision].mean():.4f} "
            f"(standard deviation {table[precision].std():.4f}), median {cpu:.1f} CPU s"
        )
    difference = mixed - single
    interval = ttest_rel(mixed, single).confidence_interval(0.95)
    print(
        f"difference {difference.mean():+.4f}, 95 % confidence interval "
        f"{interval.low:+.4f} to {interval.high:+.4f}, p = {ttest_rel(mixed, single).pvalue:.2f}"
    )
    print(f"equal F-scores in {np.isclose(difference, 0).sum()} of {len(table)} seeds")


if __name__ == "__main__":
    main()
