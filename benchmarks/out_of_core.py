"""Peak memory and time of `fit_in_chunks`: ``python benchmarks/out_of_core.py``.

The rows are made of numbers in the paths, so that no files are needed: what is measured is the
training and what it does with chunks, not decoding. Each line is a process of its own. The memory
of the catalogue, which a user has in any case, is part of the peak, and printed beside it.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from typing import Any

SIDE = 32


def make_rows(paths: Any) -> Any:
    """Make rows of noise, with stripes that run across for odd numbers, of paths like "#17"."""
    import numpy as np

    numbers = np.array([int(path.rpartition("#")[2]) for path in np.ravel(paths)])
    noise = np.random.default_rng(0).random((64, SIDE * SIDE), dtype=np.float32)
    rows = noise[numbers % 64].reshape(-1, SIDE, SIDE)
    rows[numbers % 2 == 1, ::4] *= 0.8
    return rows.reshape(-1, SIDE * SIDE)


def make_pipeline(kind: str, epochs: int) -> Any:
    """Make a pipeline of such paths to classes."""
    from sklearn.linear_model import SGDClassifier
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer

    if kind == "sgd":
        classifier = SGDClassifier(loss="log_loss", max_iter=epochs, tol=None, random_state=0)
    else:
        from skcomic import SmallNetClassifier

        classifier = SmallNetClassifier(first_pool=4, n_conv=1, epochs=epochs, random_state=0)
    return Pipeline([("rows", FunctionTransformer(make_rows)), ("classify", classifier)])


def measure(kind: str, way: str, n_images: int, epochs: int) -> None:
    """Train, and print what it took, without the compilation of the net, as JSON."""
    import numpy as np
    import pandas as pd

    from skcomic import fit_in_chunks

    def make_catalogue(n_images: int) -> pd.DataFrame:
        labels = np.array(["comics", "faces"], dtype=object)[np.arange(n_images) % 2]
        paths = [f"/data/rows.zarr#{number}" for number in range(n_images)]
        return pd.DataFrame({"path": paths, "label": labels})

    def train(images: pd.DataFrame) -> Any:
        model = make_pipeline(kind, epochs)
        if way == "fit":
            return model.fit(images.path, images.label)
        return fit_in_chunks(model, images, epochs=epochs, random_state=0)

    train(make_catalogue(256))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    images = make_catalogue(n_images)
    with_catalogue = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    cpu, wall = time.process_time(), time.perf_counter()
    model = train(images)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    few = images[:2000]
    print(json.dumps({
        "before": before, "catalogue": with_catalogue - before, "peak": peak, "cpu": cpu,
        "wall": wall, "score": model.score(few.path, few.label),
    }))  # fmt: skip


def main() -> None:
    """Print the measurements."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--kinds", nargs="+", default=["sgd", "small"])
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument(
        "--fit-up-to", type=int, default=100_000, help="images that `fit` is given"
    )
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        kind, way, n_images = args.one
        measure(kind, way, int(n_images), args.epochs)
        return
    print(
        "kind way images: peak MB (before, catalogue), CPU and wall us an image and epoch, score"
    )
    for kind in args.kinds:
        for n_images in args.counts:
            for way in ("chunks", "fit")[: 1 + (n_images <= args.fit_up_to)]:
                command = [sys.executable, __file__, "--epochs", args.epochs, "--one", kind, way]
                output = subprocess.check_output([*map(str, command), str(n_images)])
                found = json.loads(output)
                cpu, wall = (
                    found[name] / n_images / args.epochs * 1e6 for name in ("cpu", "wall")
                )
                print(
                    f"{kind} {way} {n_images:,}: {found['peak']:.0f} ({found['before']:.0f}, "
                    f"{found['catalogue']:.0f}), {cpu:.0f} {wall:.0f}, {found['score']:.3f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
