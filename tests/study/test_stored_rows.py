"""Studies of stores of rows."""

from pathlib import Path

import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from skcomic import ImageVectorizer, rasterize, run_study


def test_a_study_of_a_store_is_that_of_its_files(faces: pd.DataFrame, tmp_path: Path) -> None:
    def study(catalogue: pd.DataFrame):
        images = ImageVectorizer(32, background="black")
        contenders = {
            "line": make_pipeline(images, LogisticRegression()),
            "tree": make_pipeline(images, DecisionTreeClassifier(random_state=0)),
        }
        return run_study(
            catalogue, contenders=contenders, sizes=[32], n_jobs=1, cost="model_bytes",
            background="black", checkpoint_dir=tmp_path / "checkpoints",
        )  # fmt: skip

    rows = rasterize(faces, tmp_path / "rows.zarr", size=32, chunk_images=9, background="black")
    of_files, of_rows = study(faces), study(rows)
    assert of_rows.chosen_net == of_files.chosen_net
    for name in ("candidates", "sizes"):
        first, second = getattr(of_files, name), getattr(of_rows, name)
        scores = first.filter(like="_f_score").columns
        assert len(scores) >= 2
        assert first[scores].equals(second[scores])
    assert of_rows.test["confusion"] == of_files.test["confusion"]
    assert of_rows.duplicates == of_files.duplicates
    assert [row["format"] for row in of_rows.formats] == ["row of a store"]
    assert set(of_rows.predictions.path) < set(rows.path)
    assert of_rows.examples
