"""A pipeline trained for one epoch, and its model file."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import Pipeline

from skcomic import make_comic_pipeline, save


@pytest.fixture(scope="module")
def pipeline(faces: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    model = make_comic_pipeline(
        vectorize__size=12,
        vectorize__cache=tmp_path_factory.mktemp("cache"),
        classify__first_units=4,
        classify__filters=4,
        classify__epochs=1,
        classify__random_state=np.random.default_rng(0),
    )
    return model.fit(faces.path, faces.label)


@pytest.fixture(scope="module")
def file(pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "model.skcomic"
    save(pipeline, path)
    return path
