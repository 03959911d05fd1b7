"""Labels that look wrong."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict

from skcomic import load_catalogue, make_contenders
from skcomic.datasets import make_comic_faces
from skcomic.evidence.suspects import describe_answers, rank_suspects

IMAGES = pd.DataFrame({"path": list("pqrs"), "label": ["a", "b", "b", "c"]})
PROBABILITIES = np.array([[0.7, 0.2, 0.1], [0.5, 0.4, 0.1], [0.9, 0.05, 0.05], [0.1, 0.8, 0.1]])


def test_the_least_probable_label_is_first() -> None:
    suspects = rank_suspects(IMAGES, PROBABILITIES, ["a", "b", "c"])
    assert suspects.to_dict("list") == {
        "path": ["r", "s", "q"],
        "label": ["b", "c", "b"],
        "probability": [0.05, 0.1, 0.4],
        "predicted": ["a", "b", "a"],
    }
    assert describe_answers(IMAGES, PROBABILITIES, ["a", "b", "c"]).probability.tolist() == [
        0.7, 0.4, 0.05, 0.1,
    ]  # fmt: skip


@pytest.mark.slow
def test_flipped_labels_come_first(tmp_path: Path) -> None:
    make_comic_faces(200, size=32, out_dir=tmp_path, random_state=0)
    images = load_catalogue(tmp_path)
    flipped = np.random.default_rng(0).choice(len(images), 20, replace=False)
    other = {"comics": "faces", "faces": "comics"}
    images.loc[flipped, "label"] = images.label[flipped].map(other)
    probabilities = cross_val_predict(
        make_contenders(32, random_state=0)["patches"],
        images.path,
        images.label,
        groups=images.pair,
        cv=StratifiedGroupKFold(5, shuffle=True, random_state=0),
        method="predict_proba",
    )
    suspects = rank_suspects(images, probabilities, ["comics", "faces"])
    found = set(suspects.path[:20]) & set(images.path[flipped])
    assert len(found) >= 16
