"""The search among six nets as in the report: Pillow, NumPy, Keras and multiprocessing.

It shares no code with skcomic, so that both can be timed on the same files::

    python benchmarks/report_way.py ROOT [--size 64] [--epochs 25] [--batch-size 50] [--jobs 2]

ROOT contains one folder of images per class. Prints one JSON object: seconds of reading and of the
search, and each net's precision, recall and F-score on the validation images.
"""

import argparse
import json
import multiprocessing
import os
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from PIL import Image

POSITIVE = "comics"

# (first units, pooling, convolutions): six of the twelve nets, three with each pooling.
NETS = (
    (8, "max", 2),
    (16, "max", 1),
    (32, "max", 1),
    (32, "average", 1),
    (16, "average", 1),
    (16, "average", 2),
)


class Job(NamedTuple):
    """One net to train, and its data."""

    net: tuple[int, str, int]
    size: int
    epochs: int
    batch_size: int
    rows: np.ndarray
    targets: np.ndarray
    validation_rows: np.ndarray
    validation_targets: np.ndarray


def read_rows(paths: pd.Series, size: int) -> np.ndarray:
    """Decode every image in full, convert it to grey, resize, flatten and scale it."""
    rows = []
    for path in paths:
        with Image.open(path) as image:
            rows.append(np.asarray(image.convert("L").resize((size, size))).ravel() / 255)
    return np.array(rows, dtype=np.float32)


def train(job: Job) -> dict[str, Any]:
    """Train one net in a worker process."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras
    from keras import layers

    first_units, pooling, n_conv = job.net
    pool = {"max": layers.MaxPooling2D, "average": layers.AveragePooling2D}[pooling]
    stack = [
        keras.Input((job.size**2,)),
        layers.Reshape((job.size, job.size, 1)),
        layers.Dense(first_units, activation="relu"),
    ]
    for _ in range(n_conv):
        stack += [layers.Conv2D(32, 3, activation="relu"), pool(2)]
    stack += [layers.Flatten(), layers.Dense(1, activation="sigmoid")]

    keras.utils.set_random_seed(0)
    model = keras.Sequential(stack)
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["precision", "recall"])
    start = time.perf_counter()
    model.fit(job.rows, job.targets, epochs=job.epochs, batch_size=job.batch_size, verbose=0)
    seconds = time.perf_counter() - start
    _, precision, recall = model.evaluate(job.validation_rows, job.validation_targets, verbose=0)
    both = precision + recall
    return {
        "net": "_".join(map(str, job.net)),
        "seconds": seconds,
        "precision": precision,
        "recall": recall,
        "f_score": 2 * precision * recall / both if both else 0.0,
    }


def search(
    root: Path, *, size: int = 64, epochs: int = 25, batch_size: int = 50, jobs: int = 2
) -> dict[str, Any]:
    """Read the images, split them at random, and train the six nets in parallel."""
    start = time.perf_counter()
    labels = {str(path): path.parent.name for path in sorted(root.glob("*/*"))}
    frame = pd.DataFrame({"path": labels.keys(), "label": labels.values()})
    frame = frame.sample(frac=1, random_state=0)
    n_test = len(frame) // 3
    n_validation = (len(frame) - n_test) // 3
    ends = n_test, n_test + n_validation
    parts = frame[: ends[0]], frame[ends[0] : ends[1]], frame[ends[1] :]
    # The test images are read too, as in the report, although the search does not use them.
    _, validation_rows, rows = (read_rows(part.path, size) for part in parts)
    _, validation_targets, targets = (
        (part.label == POSITIVE).to_numpy(np.float32) for part in parts
    )
    read = time.perf_counter()
    sets = (rows, targets, validation_rows, validation_targets)
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        nets = pool.map(train, [Job(net, size, epochs, batch_size, *sets) for net in NETS], 1)
    return {
        "images": len(frame),
        "read_seconds": read - start,
        "search_seconds": time.perf_counter() - read,
        "nets": nets,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=Path)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--batch-size", type=int, default=50)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    print(json.dumps(search(**vars(parser.parse_args())), indent=1))
