"""Time of each step: import, decoding, cold and warm transform, search and prediction."""

import subprocess
import sys
import tempfile
from pathlib import Path

from sklearn.model_selection import GroupShuffleSplit

from skcomic import (
    ARCHITECTURES,
    BalancedHalvingSearchCV,
    BalancedRandomizedSearchCV,
    CostScorer,
    ImageVectorizer,
    clear_cache,
    load_catalogue,
    make_comic_pipeline,
    read_raster,
    select_parsimonious,
)
from skcomic.datasets import make_comic_faces

N_PAIRS = 60


class Import:
    """Time to import the package and its heaviest modules."""

    params = ("skcomic", "skcomic.images.vectorizer", "skcomic.nets.convnet")
    param_names = ("module",)

    def time_import(self, module: str) -> None:
        """Start Python and import a module."""
        subprocess.run([sys.executable, "-c", f"import {module}"], check=True)


class Files:
    """Drawn images of 512 pixels, made once."""

    timeout = 600
    number = 1
    rounds = 1
    warmup_time = 0

    def setup_cache(self) -> Path:
        """Draw the images."""
        folder = Path(tempfile.mkdtemp(prefix="skcomic-bench-"))
        make_comic_faces(N_PAIRS, size=512, out_dir=folder, random_state=0)
        return folder

    setup_cache.timeout = 300

    def setup(self, folder: Path) -> None:
        """Make the pipeline, and fill its cache."""
        self.catalogue = load_catalogue(folder)
        self.cache = tempfile.TemporaryDirectory()
        self.paths = self.catalogue.path.tolist()
        self.warm = ImageVectorizer(64, cache=self.cache.name)
        self.warm.transform(self.paths)
        self.pipeline = make_comic_pipeline(
            vectorize__size=32, vectorize__cache=self.cache.name, classify__epochs=10,
            classify__random_state=0, classify__precision="auto",
        )  # fmt: skip

    def teardown(self, folder: Path) -> None:
        """Remove the cache."""
        clear_cache(self.cache.name)
        self.cache.cleanup()


class Transform(Files):
    """From files to rows."""

    def time_decode(self, folder: Path) -> None:
        """Decode the files one by one."""
        for path in self.paths:
            read_raster(path, (64, 64))

    def time_transform_cold(self, folder: Path) -> None:
        """Decode all files."""
        ImageVectorizer(64).transform(self.paths)

    def time_transform_warm(self, folder: Path) -> None:
        """Read all rasters from the cache."""
        self.warm.transform(self.paths)

    def peakmem_transform_cold(self, folder: Path) -> None:
        """Decode all files."""
        ImageVectorizer(64).transform(self.paths)


class Predict(Files):
    """From files to labels."""

    def setup(self, folder: Path) -> None:
        """Fit the pipeline."""
        super().setup(folder)
        self.pipeline.fit(self.paths, self.catalogue.label)

    def time_predict(self, folder: Path) -> None:
        """Predict all files, with a warm cache."""
        self.pipeline.predict(self.paths)


class Search(Files):
    """A search among four nets."""

    params = (BalancedRandomizedSearchCV, BalancedHalvingSearchCV)
    param_names = ("kind",)
    repeat = 2

    def setup(self, folder: Path, kind: type) -> None:
        """Make the search."""
        super().setup(folder)
        self.search = kind(
            self.pipeline, ARCHITECTURES, n_iter=4, random_state=0, cv=GroupShuffleSplit(1),
            scoring=CostScorer("comics"), refit=select_parsimonious(cost="multiply_adds"),
        )  # fmt: skip

    def teardown(self, folder: Path, kind: type) -> None:
        """Remove the cache."""
        super().teardown(folder)

    def run(self) -> None:
        """Search, with pairs as groups."""
        self.search.fit(self.paths, self.catalogue.label, groups=self.catalogue.pair)

    def time_search(self, folder: Path, kind: type) -> None:
        """Run the search."""
        self.run()

    def track_f_score(self, folder: Path, kind: type) -> float:
        """F-score of the chosen net on validation images."""
        self.run()
        return self.search.cv_results_["mean_test_f_score"][self.search.best_index_]
