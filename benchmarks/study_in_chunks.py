"""Peak memory of a study in chunks: ``python benchmarks/study_in_chunks.py --folder FOLDER``.

Rasters of 32x32 pixels are written straight into stores in FOLDER, and a study of one small net,
of one epoch, is run on each, in a process of its own: in chunks, and with all rows in memory.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

CHUNK = 4096
SIDE = 32


def measure(place: str, way: str) -> None:
    """Run the study, and print what it took as JSON."""
    from skcomic import load_catalogue, make_contenders, run_study

    net = make_contenders(SIDE, families=["small"], random_state=0)["small_3_4_1"]
    net.set_params(classify__epochs=1)
    images = load_catalogue(place)
    start = time.perf_counter()
    study = run_study(
        images, contenders={"small_3_4_1": net}, sizes=(SIDE,), validation="holdout",
        search="random", chunk_images=CHUNK if way == "chunks" else None, n_jobs=1,
    )  # fmt: skip
    print(json.dumps({
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
        "wall": time.perf_counter() - start, "f_score": study.test["f_score"],
    }))  # fmt: skip


def main() -> None:
    """Print the measurements."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, required=True, help="of the stores")
    parser.add_argument("--counts", type=int, nargs="+", default=[20_000, 80_000, 320_000])
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        measure(*args.one)
        return
    stages = Path(__file__).with_name("scaling_stages.py")
    for n_images in args.counts:
        store = args.folder / f"rows_{SIDE}_{n_images}.zarr"
        if not store.exists():
            options = ["write", n_images, SIDE, "--folder", args.folder, "--root", args.folder]
            subprocess.run([sys.executable, stages, *map(str, options)], check=True)
        for way in ("chunks", "memory"):
            one = [__file__, "--folder", str(args.folder), "--one", str(store), way]
            found = json.loads(subprocess.check_output([sys.executable, *one]).splitlines()[-1])
            print(
                f"{n_images:,} images, {way}: {found['peak']:.0f} MB at most, "
                f"{found['wall']:.0f} s, F-score {found['f_score']:.3f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
