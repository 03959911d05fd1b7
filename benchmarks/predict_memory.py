"""Peak memory and speed of ``skcomic predict``: ``python benchmarks/predict_memory.py``.

Images are hard links to a few drawn JPEG files, under different names; the model is trained on
those files for one epoch. Start-up is compared with the import of TensorFlow alone.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from skcomic import load_catalogue, make_comic_pipeline, save
from skcomic.datasets import make_comic_faces

PREDICT = [sys.executable, "-m", "skcomic", "predict"]


def run(*command: object) -> tuple[float, float]:
    """Run a command; return its wall seconds and its peak resident memory in MB."""
    start = time.perf_counter()
    process = subprocess.Popen(list(map(str, command)))
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command} ended with {status}")
    return time.perf_counter() - start, usage.ru_maxrss / 1e3


def main() -> None:
    """Print the measurements."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", type=int, nargs="+", default=[1_000, 20_000])
    parser.add_argument("--size", type=int, default=1024, help="size of the JPEG files, in pixels")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        drawn = make_comic_faces(10, size=args.size, out_dir=folder / "drawn", random_state=0)
        images = load_catalogue(drawn.data_dir)
        model = make_comic_pipeline(vectorize__size=64, classify__epochs=1)
        save(model.fit(images.path, images.label), folder / "model.skcomic")

        predict = [*PREDICT, folder / "model.skcomic"]
        tensorflow = [sys.executable, "-c", "import tensorflow"]
        starts = {"import tensorflow": tensorflow, "one image": [*predict, images.path[0]]}
        for name, command in starts.items():
            if name == "one image":
                command = [*command, "--out", folder / "one.csv"]
            seconds = [run(*command)[0] for _ in range(args.rounds)]
            print(f"{name}: {statistics.median(seconds):.2f} s")

        for count in args.counts:
            many = folder / f"many_{count}"
            many.mkdir()
            for number in range(count):
                path = Path(images.path[number % len(images)])
                (many / f"{number:06d}.jpg").hardlink_to(path)
            out = folder / f"{count}.csv"
            seconds, peak = run(*predict, many, "--out", out)
            n_rows = out.read_bytes().count(b"\n") - 1
            print(
                f"{n_rows:,} images of {args.size} pixels: peak {peak:.0f} MB, {seconds:.1f} s "
                f"including start-up, {n_rows / seconds:.0f} images/s"
            )


if __name__ == "__main__":
    main()
