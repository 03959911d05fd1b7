"""Contenders without a network in files: nothing needs TensorFlow. The small net's card."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator

from skcomic import SmallNetClassifier, load, make_contenders, predict_files, render_card, save

CLASSIC = list(make_contenders(16, families=["classic"]))


@pytest.fixture(scope="module")
def saved(faces: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    contenders = make_contenders(
        16, families=["classic"], random_state=0, vectorize__cache=folder / "cache"
    )
    for name, pipeline in contenders.items():
        save(pipeline.fit(faces.path, faces.label), folder / name, about={"note": name})
    return {name: folder / name for name in contenders}


@pytest.mark.parametrize("name", CLASSIC)
def test_comes_back(name: str, saved: dict[str, Path], faces: pd.DataFrame) -> None:
    original = make_contenders(16, families=["classic"], random_state=0)[name]
    original.fit(faces.path, faces.label)
    model = load(saved[name])
    assert model["vectorize"].cache is None
    expected = original.predict_proba(faces.path)
    assert np.array_equal(model.predict_proba(faces.path), expected)
    predictions = list(predict_files(model, faces.path[:5]))
    assert [row.label for row in predictions] == original.predict(faces.path[:5]).tolist()
    found = [row.probabilities for row in predictions]
    assert np.allclose(found, expected[:5], rtol=1e-5)  # float32, sums of other lengths


def test_of_rows_and_calibrated(saved: dict[str, Path], faces, tmp_path: Path) -> None:
    model = load(saved["hog"])
    rows = model["vectorize"].transform(faces.path)
    calibrated = CalibratedClassifierCV(FrozenEstimator(model["classify"]))
    save(calibrated.fit(rows, faces.label), tmp_path / "rows")
    again = load(tmp_path / "rows")
    assert np.array_equal(again.predict_proba(rows), calibrated.predict_proba(rows))
    card = render_card(tmp_path / "rows")
    assert card.startswith("# LogisticRegression: a classifier of comics, faces\n")
    assert "`CalibratedClassifierCV` -> `FrozenEstimator` -> `HogVectorizer` -> " in card
    assert "It takes rows of 256 grey pixels in [0, 1], not image files." in card
    assert "Probabilities were calibrated." in card


def test_card(saved: dict[str, Path]) -> None:
    card = render_card(saved["hog_mirrored"])
    assert card.startswith("# LogisticRegression: a classifier of comics, faces\n")
    assert (
        "* A Pipeline without a network: `ImageVectorizer` -> `MirroredClassifier` -> "
        "`HogVectorizer` -> `StandardScaler` -> `LogisticRegression`." in card
    )
    assert "It takes image files, and scales each to 16 x 16 grey pixels." in card
    assert "epochs" not in card
    assert "* note: hog_mirrored" in card


def test_card_of_a_small_net(stripes, tmp_path: Path) -> None:
    net = SmallNetClassifier(first_pool=1, n_conv=1, filters=4, epochs=1, random_state=0)
    save(net.fit(*stripes), tmp_path / "net")
    card = render_card(tmp_path / "net")
    assert "`small_3_1_1` (side of the whitened patches, first pooling, convolutions)" in card
    assert "* 1 epochs, " in card


@pytest.mark.slow
def test_no_tensorflow_is_needed(saved: dict[str, Path], faces: pd.DataFrame, tmp_path) -> None:
    code = f"""if True:
        import sys
        from skcomic import load, predict_files, render_card, save
        model = load({str(saved["patches_mirrored"])!r})
        assert len(list(predict_files(model, {faces.path[:3].tolist()!r}))) == 3
        save(model, {str(tmp_path / "again")!r})
        render_card({str(tmp_path / "again")!r})
        sys.exit("tensorflow" in sys.modules)
    """
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
