"""How good a study's choice is, and its threshold for a wanted accuracy, over many studies::

    python benchmarks/choice.py [--studies 20] [--pairs 60] [--size 32] [--fresh 1000] [--jobs -1]

Each study has drawn pairs of its own. All contenders are then trained on all of its images but
those of the test, and scored on fresh images, the same for all studies: that is their true
F-score, and the best of them is what a study should have found. The choice on folds within one
standard error is compared with that on a hold-out within 0.005, of the same images and
contenders.
"""

import argparse
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from skcomic import load_catalogue, run_study
from skcomic.datasets import make_comic_faces
from skcomic.images.loading import temporary_cache

WANTED = 0.99
CLOSE = 0.01  # of the best true F-score
RULES = {
    "folds, one standard error": {"validation": 5, "tolerance": "1se"},
    "hold-out, tolerance 0.005": {"validation": "holdout", "tolerance": 0.005},
}


def draw(folder: Path, n_pairs: int, seed: int) -> pd.DataFrame:
    make_comic_faces(n_pairs, size=64, out_dir=folder, random_state=seed, n_jobs=-1)
    return load_catalogue(folder)


def study_once(seed: int, images: pd.DataFrame, fresh: pd.DataFrame, args, cache) -> list[dict]:
    """Return a row for the choice of each rule."""
    rows, true, costs = [], None, None
    for rule, settings in RULES.items():
        study = run_study(
            images,
            outside=fresh if true is None else None,  # the same contenders in every rule
            sizes=[args.size], abstain=WANTED, random_state=seed, n_jobs=args.jobs, cache=cache,
            **settings,
        )  # fmt: skip
        if true is None:
            true = pd.DataFrame(study.outside["contenders"]).set_index("net").outside_f_score
            costs = study.candidates.groupby("net").cpu_seconds.last()
        chosen, best = study.chosen_net, true.idxmax()
        row = {
            "seed": seed, "rule": rule, "chosen": chosen, "best": best,
            "true_f": true[chosen], "lost": true[best] - true[chosen],
            "test_f": study.test["f_score"], "cost_ratio": costs[chosen] / costs[best],
        }  # fmt: skip
        threshold = study.abstention["threshold"]
        if threshold is not None:
            probabilities = study.pipeline.predict_proba(fresh.path)
            answered = probabilities.max(axis=1) >= threshold
            right = study.pipeline.predict(fresh.path) == fresh.label.to_numpy()
            row |= {
                "answered": answered.mean(), "accuracy": right[answered].mean(),
                "test_accuracy": study.abstention["test"]["accuracy"],
            }  # fmt: skip
        rows.append(row)
    return rows


def summarise(results: pd.DataFrame) -> pd.DataFrame:
    """Make a row for each rule."""
    return results.groupby("rule", sort=False).agg(
        studies=("seed", "size"),
        close_to_best=("lost", lambda lost: np.mean(lost <= CLOSE)),
        mean_lost=("lost", "mean"),
        median_cost_ratio=("cost_ratio", "median"),
        mean_true_f=("true_f", "mean"),
        mean_test_f=("test_f", "mean"),
        thresholds=("answered", "count"),
        answered=("answered", "mean"),
        accuracy=("accuracy", "mean"),
        test_accuracy=("test_accuracy", "mean"),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=20)
    parser.add_argument("--pairs", type=int, default=60, help="of each study")
    parser.add_argument("--size", type=int, default=32, help="of the images, in pixels")
    parser.add_argument("--fresh", type=int, default=1000, help="pairs that true scores are of")
    parser.add_argument("--jobs", type=int, default=-1)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    rows: list[dict] = []
    with tempfile.TemporaryDirectory() as folder, temporary_cache() as cache:
        fresh = draw(Path(folder, "fresh"), args.fresh, 10_000)
        for seed in range(args.studies):
            images = draw(Path(folder, str(seed)), args.pairs, seed)
            rows += study_once(seed, images, fresh, args, cache)
            print(pd.DataFrame(rows[-len(RULES) :]).to_string(header=seed == 0), flush=True)
    print(f"\nWithin {CLOSE} of the best; accuracy of answers where {WANTED} is wanted:")
    print(summarise(pd.DataFrame(rows)).T.to_string(float_format="{:.3f}".format))
