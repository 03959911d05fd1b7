"""Make the model file that later versions must load: ``python tests/models/data/make_model.py``.

A file that was released is never replaced; each new format gets a file of its own.
"""

import json
import tempfile
from pathlib import Path

import numpy as np

from skcomic import load_catalogue, make_comic_pipeline, save
from skcomic.datasets import make_comic_faces
from skcomic.models.archive import FORMAT

HERE = Path(__file__).parent


def rows(n_pixels: int) -> np.ndarray:
    """Four rows of pixels that do not depend on a decoder."""
    return np.sin(np.arange(4 * n_pixels, dtype=np.float32)).reshape(4, n_pixels) ** 2


def main() -> None:
    """Train and save the model, and write down its probabilities for `rows`."""
    with tempfile.TemporaryDirectory() as folder:
        images = load_catalogue(make_comic_faces(12, size=32, out_dir=folder).data_dir)
        model = make_comic_pipeline(
            vectorize__size=12,
            classify__first_units=4,
            classify__filters=4,
            classify__epochs=40,
            classify__batch_size=6,
            classify__learning_rate=0.02,
            classify__random_state=0,
        )
        model.fit(images.path, images.label)
    file = HERE / f"model_format_{FORMAT}.skcomic"
    save(model, file, about={"note": "kept so that later versions load it"})
    expected = model["classify"].predict_proba(rows(12 * 12)).tolist()
    file.with_suffix(".json").write_text(json.dumps(expected))


if __name__ == "__main__":
    main()
