"""What cannot be saved is named, and a failed save leaves the existing file."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skcomic import ImageVectorizer, save


def test_what_cannot_be_saved_is_named_and_nothing_is_written(
    pipeline: Pipeline, stripes, small_net, tmp_path: Path
) -> None:
    path = tmp_path / "model"
    rows, labels = stripes
    net = pipeline["classify"]
    odd = Pipeline([("vectorize", ImageVectorizer(12)), ("classify", net)])
    odd["vectorize"].size = range(12, 13)
    with pytest.raises(NotFittedError):
        save(small_net(), path)
    with pytest.raises(TypeError, match=r"DummyClassifier: the model holds sklearn\.dummy\.Dummy"):
        save(DummyClassifier().fit(rows, labels), path)
    with pytest.raises(TypeError, match=r"this StandardScaler: it is not a classifier$"):
        save(StandardScaler().fit(rows), path)
    with pytest.raises(TypeError, match=r"save this Pipeline: the model\.steps\[0\]\[1\]\.size h"):
        save(odd, path)
    odd["vectorize"].size = 12
    odd.steps.append(("dummy", DummyClassifier().fit(rows, labels)))
    with pytest.raises(
        TypeError, match=r"holds sklearn\.dummy\.DummyClassifier; a model file may"
    ):
        save(odd, path)
    net.class_weight = {True: 1, False: 2}  # would both come back as True
    with pytest.raises(TypeError, match=r"class_weight.* holds builtins\.bool"):
        save(net, path)
    net.class_weight = {1: 1, "1": 2}
    with pytest.raises(TypeError, match="keys that are the same once they are text"):
        save(net, path)
    net.class_weight = None
    with pytest.raises(ValueError, match="about must be plain data"):
        save(net, path, about={"net": net})
    with pytest.raises(
        ValueError, match=r"about makes a manifest of 16,77\d,\d+ bytes, more than"
    ):
        save(net, path, about={"noise": "x" * 2**24})
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_the_former_file(
    pipeline: Pipeline, tmp_path: Path, largest_file
) -> None:
    path = tmp_path / "model"
    path.write_text("former")
    noise = np.random.default_rng(0).bytes(50_000).hex()
    with largest_file(60_000), pytest.raises(OSError, match="cannot write it"):
        save(pipeline, path, about={"noise": noise})
    assert [each.read_text() for each in tmp_path.iterdir()] == ["former"]
