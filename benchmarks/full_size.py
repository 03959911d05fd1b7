"""The study at the report's own size: ``python benchmarks/full_size.py --folder FOLDER``.

Draws 10,000 pairs of 1024x1024 pixels (once: what is in the folder is not drawn again, so that the
script can be killed and started anew), runs the study of all contenders on them with what it had
kept, and writes what each stage took: wall and CPU seconds, and the peak memory of all processes.
"""

import argparse
import os
import threading
import time
from pathlib import Path

import pandas as pd
import psutil
from joblib import Parallel, delayed

from skcomic import load_catalogue, run_study
from skcomic.datasets._portrait import SUFFIX, write_pair
from skcomic.study.folder import finish_study, prepare_folder
from skcomic.study.page import write_study

ROOT_SEED = 0
POLL_SECONDS = 0.5


def draw(folder: Path, n_pairs: int, size: int, n_jobs: int) -> None:
    """Draw the pairs that are not there; a pair does not depend on the others."""
    folders = folder / "faces", folder / "comics"
    for each in folders:
        each.mkdir(parents=True, exist_ok=True)
    missing = [
        number
        for number in range(n_pairs)
        if not all((each / f"pair_{number:04d}{SUFFIX['JPEG']}").exists() for each in folders)
    ]
    print(f"{len(missing)} of {n_pairs} pairs are to be drawn", flush=True)
    Parallel(n_jobs=n_jobs)(
        delayed(write_pair)(folders, [ROOT_SEED, number], size, "JPEG") for number in missing
    )


class Usage:
    """What this process and its children take, stage by stage.

    `end_stage` is to be given to `run_study` as `on_progress`.
    """

    def __init__(self) -> None:
        self.rows: list[dict[str, object]] = []
        self._over = threading.Event()
        self._cpu: dict[int, float] = {}
        self._peak = 0.0
        self._last = time.perf_counter(), 0.0

    def __enter__(self) -> "Usage":
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watcher.join()

    def end_stage(self, progress) -> None:
        """Note what the stage that has ended took."""
        if progress.finished:
            self._look()
            now = time.perf_counter(), sum(self._cpu.values())
            wall, cpu = (after - before for after, before in zip(now, self._last, strict=True))
            row = {"stage": progress.stage, "wall_s": wall, "cpu_s": cpu, "peak_MB": self._peak}
            print(
                {key: value if key == "stage" else round(value, 1) for key, value in row.items()}
            )
            self.rows.append(row)
            self._last, self._peak = now, 0.0

    def _watch(self) -> None:
        while not self._over.wait(POLL_SECONDS):
            self._look()

    def _look(self) -> None:
        memory = 0
        me = psutil.Process()
        for process in [me, *me.children(recursive=True)]:
            try:
                memory += process.memory_info().rss
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            self._cpu[process.pid] = times.user + times.system
        self._peak = max(self._peak, memory / 1e6)


def main() -> None:
    """Draw, run the study, print and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, required=True, help="of the drawn images")
    parser.add_argument("--pairs", type=int, default=10_000)
    parser.add_argument("--size", type=int, default=1024, help="pixels of a side")
    parser.add_argument("--jobs", type=int, default=-1)
    parser.add_argument("--only-draw", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("full_size"), help="folder of results")
    args = parser.parse_args()

    draw(args.folder / "images", args.pairs, args.size, args.jobs)
    if args.only_draw:
        return
    start = time.perf_counter()
    catalogue = load_catalogue(args.folder / "images")
    print(f"{len(catalogue)} images are listed in {time.perf_counter() - start:.1f} s", flush=True)
    with Usage() as usage:
        study = run_study(
            catalogue, n_jobs=args.jobs, cache=args.folder / "cache",
            checkpoint_dir=args.folder / "fits", random_state=0, on_progress=usage.end_stage,
        )  # fmt: skip
    write_study(study, prepare_folder(args.out, {}, force=True))
    finish_study(args.out)  # takes the place of a former one
    stages = pd.DataFrame(usage.rows).set_index("stage").round(1)
    stages.to_csv(args.out / "stages.csv")
    print(stages.to_string(), f"{os.cpu_count()} cores", sep="\n")
    print(f"sum: {stages.wall_s.sum():.0f} s, {stages.cpu_s.sum():.0f} CPU s")
    print(study.to_frame().to_string())
    print(pd.DataFrame([study.test, *study.baselines]).to_string())


if __name__ == "__main__":
    main()
