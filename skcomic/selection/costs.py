"""The costs that a choice can save."""

from typing import Literal, get_args

Cost = Literal["cpu_seconds", "wall_seconds", "multiply_adds", "predict_ms", "model_bytes"]
COSTS: tuple[Cost, ...] = get_args(Cost)

#: What is said of each cost to people.
COST_LABELS: dict[str, str] = {
    "cpu_seconds": "CPU seconds of training",
    "wall_seconds": "Wall seconds of training",
    "multiply_adds": "Multiply-adds of training",
    "predict_ms": "CPU milliseconds of a prediction",
    "model_bytes": "Bytes of the saved model",
}

#: A tolerance: one standard error of the difference to the best.
ONE_SE: Literal["1se"] = "1se"
Tolerance = float | Literal["1se"]

#: Of the F-score, with a hold-out, as in the report.
HOLDOUT_TOLERANCE = 0.005
