"""Time, memory and F-score of the pipeline at several image sizes."""

import pickle
import tempfile
from pathlib import Path

from skcomic import CostScorer, load_catalogue, make_comic_pipeline, split_catalogue
from skcomic.datasets import make_comic_faces

N_PAIRS = 90
EPOCHS = 15


class Resolution:
    """The pipeline at several sizes, on drawn images that are made once."""

    params = (16, 32, 64, 128)
    param_names = ("size",)
    timeout = 600
    # A fit takes seconds, so that few repetitions give a stable median.
    number = 1
    repeat = 2
    rounds = 1
    warmup_time = 0

    def setup_cache(self) -> Path:
        """Draw the images; asv runs this once for all sizes."""
        folder = Path(tempfile.mkdtemp(prefix="skcomic-bench-"))
        make_comic_faces(N_PAIRS, size=256, out_dir=folder / "images", random_state=0)
        catalogue = load_catalogue(folder / "images")
        split = split_catalogue(catalogue, random_state=0, duplicates="ignore")
        (folder / "split.pickle").write_bytes(pickle.dumps(split))
        return folder

    setup_cache.timeout = 300

    def setup(self, folder: Path, size: int) -> None:
        """Make the pipeline, and the rows for the fits."""
        self.split = pickle.loads((folder / "split.pickle").read_bytes())
        self.pipeline = make_comic_pipeline(
            vectorize__size=size, classify__epochs=EPOCHS, classify__random_state=0
        )
        self.rows = self.pipeline["vectorize"].transform(self.split.train.path)

    def time_transform(self, folder: Path, size: int) -> None:
        """Decode the training images."""
        self.pipeline["vectorize"].transform(self.split.train.path)

    def time_fit(self, folder: Path, size: int) -> None:
        """Train on decoded rows."""
        self.pipeline["classify"].fit(self.rows, self.split.train.label)

    def peakmem_fit(self, folder: Path, size: int) -> None:
        """Decode and train."""
        self.pipeline.fit(self.split.train.path, self.split.train.label)

    def track_f_score(self, folder: Path, size: int) -> float:
        """F-score of the comics on validation images."""
        self.pipeline["classify"].fit(self.rows, self.split.train.label)
        validation = self.split.validation
        return CostScorer("comics")(self.pipeline, validation.path, validation.label)["f_score"]
