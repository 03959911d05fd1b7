"""Peak memory and speed of ``skcomic predict``: ``python benchmarks/predict_memory.py``.

Images are hard links to a few drawn JPEG files, under different names; the model is trained on
those files for one epoch. Start-up is compared with the import of TensorFlow alone.
"""

import argparse
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PREDICT = [sys.executable, "-m", "skcomic", "predict"]


def run(*command: object) -> tuple[float, float]:
    """Run a command; return its wall seconds and its peak resident memory in MB."""
    start = time.perf_counter()
    process = subprocess.Popen(list(map(str, command)))
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command} ended with {status}")
    return time.perf_counter() - start, usage.ru_maxrss / 1e3


def prepare(folder: Path, size: int) -> None:
    """Draw images and train the model."""
    from skcomic import load_catalogue, make_comic_pipeline, save
    from skcomic.datasets import make_comic_faces

    drawn = make_comic_faces(10, size=size, out_dir=folder / "drawn", random_state=0)
    images = load_catalogue(drawn.data_dir)
    model = make_comic_pipeline(vectorize__size=64, classify__epochs=1)
    save(model.fit(images.path, images.label), folder / "model.skcomic")


def main() -> None:
    """Print the measurements."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", type=int, nargs="+", default=[1_000, 20_000])
    parser.add_argument("--size", type=int, default=1024, help="size of the JPEG files, in pixels")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        # In a process of its own: a process begins with the peak memory of the one that starts it.
        trainer = multiprocessing.get_context("spawn").Process(
            target=prepare, args=(folder, args.size)
        )
        trainer.start()
        trainer.join()
        paths = sorted((folder / "drawn").rglob("*.jpg"))

        predict = [*PREDICT, folder / "model.skcomic"]
        tensorflow = [sys.executable, "-c", "import tensorflow"]
        starts = {"import tensorflow": tensorflow, "one image": [*predict, paths[0]]}
        for name, command in starts.items():
            if name == "one image":
                command = [*command, "--out", folder / "one.csv"]
            seconds, peaks = zip(*(run(*command) for _ in range(args.rounds)), strict=True)
            print(f"{name}: {statistics.median(seconds):.2f} s, peak {max(peaks):.0f} MB")

        for count in args.counts:
            many = folder / f"many_{count}"
            many.mkdir()
            for number in range(count):
                (many / f"{number:06d}.jpg").hardlink_to(paths[number % len(paths)])
            out = folder / f"{count}.csv"
            seconds, peak = run(*predict, many, "--out", out)
            n_rows = out.read_bytes().count(b"\n") - 1
            print(
                f"{n_rows:,} images of {args.size} pixels: peak {peak:.0f} MB, {seconds:.1f} s "
                f"including start-up, {n_rows / seconds:.0f} images/s"
            )


if __name__ == "__main__":
    main()
