"""Settings and contenders of studies that take seconds."""

from typing import Any

from sklearn.pipeline import Pipeline

from skcomic import make_contenders

QUICK: dict[str, Any] = {
    "sizes": (16, 12),
    "n_candidates": 2,
    "epochs": 1,
    "final_epochs": 1,
    "validation": "holdout",
    "n_jobs": 1,
}


def few_contenders(*names: str) -> dict[str, Pipeline]:
    made = make_contenders(16, families=["classic"], random_state=0)
    return {name: made[name] for name in names}
