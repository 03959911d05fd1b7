"""A model of what a catalogue of millions of images costs, and a check of it.

``measure --root FOLDER`` measures each stage on 1,000 to 1,000,000 images, one after the other,
each in a process of its own on one thread, and writes the JSON; FOLDER has JPEG files of 1024
pixels in one folder per class, as `full_size.py` draws them. ``model`` fits the model to all
counts but the largest, holds it against the largest, and prints what 10 and 100 million images
cost on 16, 64 and 256 cores. ``simulate`` runs tasks of the measured lengths, which sleep, through
the scheduler of a dask cluster of as many workers.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from scaling_cluster import run_tasks, start_cluster
from scaling_model import N_CORES, Model, print_model, print_table
from scipy.optimize import nnls

STAGES = [
    "write", "load", "read", "hog", "hash", "duplicates", "train sgd", "train small_3_4_1",
    "train small_3_2_2", "train 16_max_1", "predict sgd", "predict small_3_4_1",
    "predict small_3_2_2", "predict 16_max_1",
]  # fmt: skip
COUNTS = 1_000, 10_000, 100_000, 1_000_000
# Beside them: (stage, side, number of images).
OTHERS = [
    *(("decode", side, 400) for side in (256, 512, 768, 1024)),
    *((stage, 64, n) for stage in ("write", "read", "hog", "train sgd", "train small_3_2_2")
      for n in COUNTS[:3]),
    *(("duplicates", 32, n) for n in (30_000, 300_000)),
    ("train small_3_2_2, 5 epochs", 32, 10_000),
]  # fmt: skip
FEW = 10_000

# Stages and numbers of images in a task; the ideal seconds of a run, and its most tasks.
SIMULATED = {
    "decode": (1, 16, 64, 256, 1024),
    "predict sgd": (256, 1024, 4096, 16_384),
}
RUN_SECONDS, MAX_TASKS, MIN_ROUNDS = 4, 4096, 4
PROCESSES = "scheduler", "workers", "client"


def measure(root: Path, out: Path, folder: Path, only: list[str], up_to: int) -> None:
    """Measure what the JSON does not have yet, and write each point as soon as it is there."""
    found = json.loads(out.read_text()) if out.exists() else {"points": []}
    points = {(each["stage"], each["side"], each["n_images"]): each for each in found["points"]}
    for stage, side, n_images in [*((stage, 32, n) for n in COUNTS for stage in STAGES), *OTHERS]:
        is_wanted = n_images <= up_to and (stage in only or not only)
        if not is_wanted or (stage, side, n_images) in points:
            continue
        command = [sys.executable, Path(__file__).with_name("scaling_stages.py"), stage, n_images]
        command += [side, "--folder", folder, "--root", root, "--repeats"]
        command += [3 if n_images <= FEW else 1]
        one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
        point = json.loads(subprocess.check_output([*map(str, command)], env=one_thread))
        points[stage, side, n_images] = point
        print(time.strftime("%H:%M:%S"), *point.values(), flush=True)
        found["points"] = list(points.values())
        found["bytes"] = count_bytes(folder)
        out.write_text(json.dumps(found, indent=1))


def count_bytes(folder: Path) -> dict[str, float]:
    """Return the bytes of an image in each form on the disk."""
    sizes = {}
    for files in sorted(folder.glob("jpeg_*")):
        sizes[files.name] = float(np.mean([file.stat().st_size for file in files.iterdir()]))
    for store in sorted(folder.glob("rows_*_*.zarr")):
        n_images = int(store.stem.rpartition("_")[2])
        n_bytes = sum(file.stat().st_size for file in store.rglob("*") if file.is_file())
        sizes[store.stem] = n_bytes / n_images
    return sizes


def simulate(measured: dict[str, Any], all_cores: list[int]) -> list[dict[str, Any]]:
    """Run tasks that sleep as long as a stage takes, on clusters of so many workers."""
    model = Model(measured)
    runs = []
    for n_cores in all_cores:
        with start_cluster(n_cores) as client:
            run_tasks(client, 4 * n_cores, 1, 0.01)  # connections between them are made
            for stage, counts in SIMULATED.items():
                for n_images in counts:
                    seconds = n_images * model.per_image(stage, 32)
                    rounds = min(math.ceil(RUN_SECONDS / seconds), MAX_TASKS // n_cores)
                    rounds = max(rounds, MIN_ROUNDS)
                    run = run_tasks(client, rounds * n_cores, n_images, seconds)
                    runs.append(
                        {"stage": stage, "n_cores": n_cores, "n_images": n_images,
                         "seconds": seconds, "n_tasks": rounds * n_cores,
                         "ideal": rounds * seconds, **run._asdict()}
                    )  # fmt: skip
                    print(time.strftime("%H:%M:%S"), *runs[-1].values(), flush=True)
    return runs


def print_runs(runs: list[dict[str, Any]]) -> float:
    """Print what the simulated tasks took; return the CPU seconds of the scheduler for a task."""
    rows = [
        [
            run["stage"], run["n_cores"], f"{run['n_images']:,}", f"{run['seconds']:.3g}",
            f"{run['n_tasks']:,}", f"{run['ideal']:.2f}", f"{run['wall']:.2f}",
            f"{100 * run['ideal'] / run['wall']:.0f} %",
            f"{1e3 * (run['wall'] - run['ideal']) / run['n_tasks']:.2f}",
            *(f"{1e3 * run[f'{of}_cpu'] / run['n_tasks']:.2f}" for of in PROCESSES),
        ]
        for run in runs
    ]  # fmt: skip
    header = ["stage", "cores", "images", "s a task", "tasks", "ideal s", "s", "efficiency"]
    header += ["lost", *PROCESSES]
    print("images of a task; of the last columns milliseconds a task, but for the first CPU time")
    print_table(header, rows)
    columns = np.array(
        [[run["n_tasks"], run["n_tasks"] * run["n_images"], run["wall"]] for run in runs]
    )
    scale = columns.max(axis=0)
    cpu = [run["scheduler_cpu"] for run in runs]
    of_task, of_path, of_second = nnls(columns / scale, cpu)[0] / scale
    print(
        f"CPU of the scheduler: {1e3 * of_task:.2f} ms a task, {1e6 * of_path:.2f} us a path in "
        f"it, and {1e3 * of_second:.0f} ms a second\n"
    )
    return float(of_task)


def main() -> None:
    """Run a subcommand."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    measuring = commands.add_parser("measure")
    measuring.add_argument("--root", type=Path, required=True)
    measuring.add_argument("--folder", type=Path, help="where stores are left; else temporary")
    measuring.add_argument("--only", nargs="*", default=[], help="stages")
    measuring.add_argument("--up-to", type=int, default=max(COUNTS), help="images")
    simulating = commands.add_parser("simulate")
    simulating.add_argument("--cores", nargs="*", type=int, default=N_CORES)
    modelling = commands.add_parser("model")
    modelling.add_argument("--bandwidth", type=float, default=1e9, help="bytes a second")
    for each in commands.choices.values():
        each.add_argument("--out", type=Path, default=Path("scaling.json"))
    args = parser.parse_args()
    if args.command == "measure":
        with tempfile.TemporaryDirectory() as temporary:
            folder = args.folder or Path(temporary)
            measure(args.root, args.out, folder, args.only, args.up_to)
        return
    measured = json.loads(args.out.read_text())
    if args.command == "simulate":
        measured["runs"] = simulate(measured, args.cores)
        args.out.write_text(json.dumps(measured, indent=1))
    overhead = print_runs(measured["runs"])
    if args.command == "model":
        print_model(measured, args.bandwidth, overhead)


if __name__ == "__main__":
    main()
