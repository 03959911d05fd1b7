"""One stage of `scaling.py`, measured in a process of its own, which prints what it took as JSON.

``python benchmarks/scaling_stages.py STAGE N_IMAGES SIDE --folder FOLDER --root ROOT``. Stages but
`write`, `decode` and `duplicates` read the store of that size, which `write` leaves in FOLDER.
"""

import argparse
import json
import resource
import shutil
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from skcomic.catalogue.loading import load_catalogue
from skcomic.images.raster_store import RasterStore
from skcomic.images.vectorizer import ImageVectorizer

CHUNK = 4096
N_WARM = 256
CLASSIFIERS = "sgd", "small_3_4_1", "small_3_2_2", "16_max_1"


class Clock:
    """The seconds that are spent in its context, over all times."""

    def __init__(self) -> None:
        self.cpu = self.wall = 0.0

    def __enter__(self) -> None:
        self._began = time.process_time(), time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.cpu += time.process_time() - self._began[0]
        self.wall += time.perf_counter() - self._began[1]


Clocks = dict[str, Clock]


class Case(NamedTuple):
    """What a stage is measured on: so many images of this side, in a store or in files."""

    place: str
    n_images: int
    side: int
    root: Path


def write(clocks: Clocks, case: Case) -> None:
    """Write rasters straight into a store, with all that `rasterize` writes beside them."""
    from skcomic.catalogue.rasterizing import Record, _create_or_open, _finish
    from skcomic.images.decoding import decoder_version
    from skcomic.images.raster_store import RASTERS, RECORDS, digest_of

    place, n_images, side, _ = case
    shutil.rmtree(place, ignore_errors=True)
    random = np.random.default_rng(0)
    wanted = {
        "catalogue": "", "size": [side, side], "chunk_images": CHUNK, "resample": "box",
        "background": "white", "decoder": decoder_version(),
    }  # fmt: skip
    labels = np.repeat(["comics", "faces"], [n_images // 2, n_images - n_images // 2])
    pairs = [f"pair_{number % (n_images // 2):08d}" for number in range(n_images)]
    paths = [f"/data/{label}/{pair}.jpg" for label, pair in zip(labels, pairs, strict=True)]
    catalogue = pd.DataFrame({"path": paths, "label": labels, "pair": pairs})
    clock, records = clocks["write"], []
    with clock:
        group: Any = _create_or_open(place, wanted, n_images)
    for number, start in enumerate(range(0, n_images, CHUNK)):
        rasters = draw(random, labels[start : start + CHUNK] == "faces", side)
        with clock:
            group[RASTERS][start : start + len(rasters)] = rasters
            record = Record("", digest_of(rasters).hex(), [])
            group[RECORDS][number : number + 1] = np.array([json.dumps(record)], dtype=object)
        records.append(record)
    with clock:
        _finish(group, catalogue, records, [])


def draw(random: np.random.Generator, is_face: np.ndarray, side: int) -> np.ndarray:
    """Draw rasters of smooth noise; those of one class have faint stripes."""
    coarse = random.integers(0, 200, (len(is_face), side // 4, side // 4), dtype=np.uint8)
    rasters = coarse.repeat(4, axis=1).repeat(4, axis=2)
    rasters += random.integers(0, 32, rasters.shape, dtype=np.uint8)
    rasters[is_face, ::4] //= np.uint8(2)
    return rasters


def load(clocks: Clocks, case: Case) -> None:
    """Read the columns of the catalogue."""
    with clocks["load"]:
        load_catalogue(case.place)


def read_chunks(case: Case) -> Any:
    """Give the paths of the rows of a store, chunk by chunk, and what reads them."""
    paths, vectorizer = load_catalogue(case.place).path, ImageVectorizer(case.side)
    return (paths[start : start + CHUNK] for start in range(0, len(paths), CHUNK)), vectorizer


def read(clocks: Clocks, case: Case) -> None:
    """Read the rows, chunk by chunk."""
    chunks, vectorizer = read_chunks(case)
    for paths in chunks:
        with clocks["read"]:
            vectorizer.transform(paths)


def hog(clocks: Clocks, case: Case) -> None:
    """Compute histograms of gradients of the rows."""
    from skcomic import HogVectorizer

    chunks, vectorizer = read_chunks(case)
    for paths in chunks:
        rows = vectorizer.transform(paths)
        with clocks["hog"]:
            HogVectorizer().fit_transform(rows)


def hash_rows(clocks: Clocks, case: Case) -> None:
    """Compute perceptual hashes of the rows, as `join_duplicates` does."""
    from skcomic.catalogue.hashing import hash_images

    paths = load_catalogue(case.place).path.tolist()
    with clocks["hash"]:
        hash_images(paths, [(case.side, case.side)], None)


def duplicates(clocks: Clocks, case: Case) -> None:
    """Compare hashes of the statistics of real ones, as `near_duplicates.py` does."""
    from near_duplicates import mix, plant

    from skcomic.catalogue.duplicates import find_duplicates
    from skcomic.catalogue.hashing import perceptual_hashes

    random = np.random.default_rng(0)
    rasters = ImageVectorizer(32).transform(real_images(case.root, 200)).reshape(-1, 32, 32)
    real = perceptual_hashes((rasters * 255).astype(np.uint8))
    hashes = mix(real, case.n_images, random)
    plant(hashes, random)
    catalogue = pd.DataFrame({"path": "none", "pair": np.arange(case.n_images)})
    with clocks["duplicates"]:
        find_duplicates(catalogue, hashes, np.zeros(case.n_images, dtype=bool))


def train(name: str, epochs: int = 1) -> Callable[..., None]:
    """Make the stage that trains a pipeline in chunks."""

    def stage(clocks: Clocks, case: Case) -> None:
        from skcomic import fit_in_chunks

        pipeline = make_pipeline(name, case.side)
        catalogue = load_catalogue(case.place)
        with clocks["train"]:
            fit_in_chunks(pipeline, catalogue, epochs=epochs, random_state=0)

    return stage


def predict(name: str) -> Callable[..., None]:
    """Make the stage that predicts by a pipeline, which was trained on a few rows."""

    def stage(clocks: Clocks, case: Case) -> None:
        from skcomic import fit_in_chunks, predict_files

        catalogue = load_catalogue(case.place)
        few = catalogue.iloc[[*range(N_WARM // 2), *range(-N_WARM // 2, 0)]]
        model = fit_in_chunks(make_pipeline(name, case.side), few, epochs=1, random_state=0)
        with clocks["predict"]:
            for _ in predict_files(model, catalogue, n_jobs=1):
                pass

    return stage


def make_pipeline(name: str, side: int) -> Any:
    """Make a pipeline from paths to classes."""
    from sklearn.pipeline import make_pipeline

    if name == "sgd":
        from sklearn.linear_model import SGDClassifier
        from sklearn.preprocessing import StandardScaler

        from skcomic import HogVectorizer

        sgd = SGDClassifier(loss="log_loss", random_state=0)
        return make_pipeline(ImageVectorizer(side), HogVectorizer(), StandardScaler(), sgd)
    from skcomic import ConvNetClassifier, SmallNetClassifier

    nets = {
        "small_3_4_1": SmallNetClassifier(first_pool=4, n_conv=1, random_state=0),
        "small_3_2_2": SmallNetClassifier(first_pool=2, n_conv=2, random_state=0),
        "16_max_1": ConvNetClassifier(first_units=16, pooling="max", n_conv=1, random_state=0),
    }
    return make_pipeline(ImageVectorizer(side), nets[name])


def decode(clocks: Clocks, case: Case) -> None:
    """Decode JPEG files of this side to 32 pixels."""
    folder = Path(case.place).parent
    files = real_images(case.root, case.n_images, case.side, folder)
    with clocks["decode"]:
        ImageVectorizer(32, n_jobs=1).transform(files)


def real_images(
    root: Path, n_images: int, side: int | None = None, folder: Path = Path()
) -> list[str]:
    """List files of each class, resized where a side is given, with the same quality."""
    from PIL import Image

    classes = sorted(path for path in root.iterdir() if path.is_dir())
    files = [
        file
        for each in classes
        for file in islice(sorted(each.iterdir()), n_images // len(classes))
    ]
    if side is None:
        return [str(file) for file in files]
    resized = []
    for file in files:
        copy = folder / f"jpeg_{side}" / f"{file.parent.name}_{file.name}"
        copy.parent.mkdir(exist_ok=True)
        if not copy.exists():
            with Image.open(file) as image:
                if image.width == side:
                    shutil.copy(file, copy)
                else:
                    tables = image.quantization  # type: ignore[attr-defined]
                    image.resize((side, side)).save(copy, "JPEG", qtables=tables)
        resized.append(str(copy))
    return resized


STAGES: dict[str, Callable[..., None]] = {
    "write": write, "load": load, "read": read, "hog": hog, "hash": hash_rows,
    "duplicates": duplicates, "decode": decode,
    **{f"train {name}": train(name) for name in CLASSIFIERS},
    **{f"predict {name}": predict(name) for name in CLASSIFIERS},
    "train small_3_2_2, 5 epochs": train("small_3_2_2", epochs=5),
}  # fmt: skip


def peak_memory() -> float:
    """Return the largest memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure, after a run of a few images; print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stage", choices=list(STAGES))
    parser.add_argument("n_images", type=int)
    parser.add_argument("side", type=int)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--repeats", type=int, default=1)
    args = parser.parse_args()
    stage = STAGES[args.stage]
    warm, case = (
        Case(str(args.folder / f"rows_{args.side}_{n}.zarr"), n, args.side, args.root)
        for n in (N_WARM, args.n_images)
    )
    if args.stage not in ("write", "decode", "duplicates") and not Path(warm.place).exists():
        write(defaultdict(Clock), warm)
    stage(defaultdict(Clock), warm)
    before = peak_memory()
    rounds = []
    for _ in range(args.repeats):
        RasterStore._instances.clear()  # and the chunks that it keeps
        clocks: Clocks = defaultdict(Clock)
        stage(clocks, case)
        rounds += clocks.values()
    point = {
        "stage": args.stage, "side": args.side, "n_images": args.n_images,
        "cpu": statistics.median(clock.cpu for clock in rounds),
        "wall": statistics.median(clock.wall for clock in rounds),
        "before_mb": before, "peak_mb": peak_memory(),
    }  # fmt: skip
    print(json.dumps(point))


if __name__ == "__main__":
    main()
