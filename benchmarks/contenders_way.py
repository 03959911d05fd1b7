"""The search among all contenders by skcomic, on the split of ``skcomic_way.py``::

    python benchmarks/contenders_way.py ROOT [--search halving] [--precision auto] [--size 64] ...

Prints one JSON object: the F-score of each contender on the validation images, and the choice.
The report's nets are trained as there; the stages of the study after the search are left out.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from skcomic import StudyProgress, load_catalogue, run_study, start_workers


class Found(Exception):
    """Ends a study after its search."""


def find(root: Path, *, jobs: int, size: int, **settings: Any) -> dict[str, Any]:
    """Search, and return what was found."""
    start_workers(jobs)

    def stop(progress: StudyProgress) -> None:
        if progress.finished and progress.stage == "search":
            raise Found(progress.study)

    try:
        run_study(
            load_catalogue(root), sizes=(size,), search_fraction=1, n_jobs=jobs, on_progress=stop,
            **settings,
        )  # fmt: skip
    except Found as found:
        (study,) = found.args
    frame = study.candidates[study.candidates.validation_f_score.notna()]
    frame = frame[frame.images == frame.images.max()]  # trained in full
    columns = ["net", "images", "validation_f_score", "cpu_seconds"]
    records = frame[columns].rename(columns={"validation_f_score": "f_score"}).to_dict("records")
    return {"nets": records, "chosen": study.chosen_net}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=Path)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--search", default="random")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--batch-size", type=int, default=50)
    parser.add_argument("--jobs", type=int, default=-1)
    print(json.dumps(find(**vars(parser.parse_args())), indent=1))
