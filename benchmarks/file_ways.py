"""Time from files to pixels and to labels, for several libraries in turns::

    python benchmarks/file_ways.py ROOT [--rounds 5] [--size 64]

Prints one JSON object: the median milliseconds per image of each decoder on one core and of
skcomic in threads, images per second from files to labels, and rows per second of `predict`.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image
from report_way import read_rows

from skcomic import ConvNetClassifier, ImageVectorizer, clear_cache, make_comic_pipeline
from skcomic.nets.backend import import_keras

keras = import_keras()

N_ROWS = 10_000


def in_turns(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Time each function once in each round; return the medians in seconds."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            if number:  # the first round warms up
                seconds[name].append(time.perf_counter() - start)
    return {name: median(times) for name, times in seconds.items()}


def decoders(root: Path, paths: list[str], size: int, cache: Path) -> dict[str, Callable]:
    """Functions that decode all images to grey ones of that size, one per library."""
    import cv2
    import simplejpeg
    import tensorflow as tf

    cv2.setNumThreads(1)
    shape = (size, size)

    def with_keras() -> None:
        images = keras.utils.image_dataset_from_directory(
            root, color_mode="grayscale", image_size=shape, batch_size=50, verbose=False
        )
        for _ in images:
            pass

    def with_tensorflow() -> None:
        for path in paths:
            image = tf.io.decode_jpeg(tf.io.read_file(path), channels=1, ratio=8)
            tf.image.resize(image, shape, method="area").numpy()

    def with_opencv() -> None:
        for path in paths:
            cv2.resize(
                cv2.imread(path, cv2.IMREAD_REDUCED_GRAYSCALE_8), shape,
                interpolation=cv2.INTER_AREA,
            )  # fmt: skip

    def with_simplejpeg() -> None:
        for path in paths:
            scaled = simplejpeg.decode_jpeg(
                Path(path).read_bytes(), "GRAY", min_height=2 * size, min_width=2 * size,
                min_factor=1, fastdct=True,
            )  # fmt: skip
            cv2.resize(scaled[..., 0], shape, interpolation=cv2.INTER_AREA)

    warm = ImageVectorizer(size, cache=cache)
    return {
        "report's way": lambda: read_rows(paths, size),
        "keras dataset": with_keras,
        "tf.io.decode_jpeg, 1/8": with_tensorflow,
        "OpenCV, 1/8": with_opencv,
        "simplejpeg, 1/8": with_simplejpeg,
        "skcomic, cold": lambda: ImageVectorizer(size).transform(paths),
        "skcomic, warm": lambda: warm.transform(paths),
    }


def main() -> None:
    """Measure the three parts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=64)
    args = parser.parse_args()
    paths = [str(path) for path in sorted(args.root.glob("*/*"))]
    labels = [Path(path).parent.name for path in paths]
    cores = os.sched_getaffinity(0)

    with tempfile.TemporaryDirectory() as cache:
        os.sched_setaffinity(0, {min(cores)})  # one core for every library
        one_core = in_turns(decoders(args.root, paths, args.size, Path(cache)), args.rounds)
        clear_cache(cache)
        os.sched_setaffinity(0, cores)
    by_threads = in_turns(
        {
            str(n): lambda n=n: ImageVectorizer(args.size, n_jobs=n).transform(paths)
            for n in (1, 2)
        },
        args.rounds,
    )

    pipeline = make_comic_pipeline(
        vectorize__size=args.size, vectorize__n_jobs=-1, classify__epochs=1
    ).fit(paths, labels)
    net: ConvNetClassifier = pipeline["classify"]
    model = net.model_
    rows = np.resize(ImageVectorizer(args.size).transform(paths), (N_ROWS, args.size**2))
    to_labels = in_turns(
        {
            "report's way": lambda: model.predict(read_rows(paths, args.size), verbose=0),
            "skcomic": lambda: pipeline.predict(paths),
        },
        args.rounds,
    )
    predict = in_turns(
        {
            "bare loop": lambda: [
                np.asarray(model(rows[i : i + 128])) for i in range(0, N_ROWS, 128)
            ],
            "skcomic": lambda: net.predict(rows),
            "keras predict": lambda: model.predict(rows, batch_size=128, verbose=0),
        },
        min(args.rounds, 3),
    )
    with Image.open(paths[0]) as image:
        pixels = image.size
    found = {
        "images": len(paths),
        "pixels": pixels,
        "mean_bytes": sum(Path(path).stat().st_size for path in paths) / len(paths),
        "decode_ms": {name: 1000 * s / len(paths) for name, s in one_core.items()},
        "threads_ms": {name: 1000 * s / len(paths) for name, s in by_threads.items()},
        "images_per_second": {name: len(paths) / s for name, s in to_labels.items()},
        "rows_per_second": {name: N_ROWS / s for name, s in predict.items()},
    }
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
