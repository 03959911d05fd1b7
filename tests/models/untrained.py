"""Contenders whose nets are not trained, for tests of what is made of a fitted one."""

from typing import Any, get_args

import numpy as np

from skcomic import make_contenders
from skcomic.nets.base import NetClassifier
from skcomic.selection.contenders import Family


def ready_classifier(name: str, rows: np.ndarray, labels: Any, size: int = 16) -> Any:
    """Make the classifier of a contender that predicts.

    A net is not trained, which takes a second, but has offsets and variances as different as then.
    """
    classifier = make_contenders(size, families=get_args(Family), random_state=0)[name][-1]
    if not isinstance(classifier, NetClassifier):
        return classifier.fit(rows, labels)
    weights = classifier.initialize(rows, labels).model_.get_weights()
    random = np.random.default_rng(0)
    others = [one + random.random(one.shape) / 8 if one.ndim == 1 else one for one in weights]
    classifier.model_.set_weights(others)
    return classifier
