"""Race skcomic against the report's own way: the search of the same six nets, in turns.

    python benchmarks/compare.py --root DIR [--rounds 3] [--epochs 25] [--size 64]

Each round runs both ways, each in a fresh process, one after the other; every second round they
change places. Prints the medians of the seconds of the whole process, imports included, of its
CPU seconds, and the best F-score on the validation images.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

WAYS = ("report_way", "skcomic_way")


def run(way: str, arguments: list[str]) -> dict[str, float]:
    """Run one way in a fresh process."""
    command = [sys.executable, str(Path(__file__).with_name(f"{way}.py")), *arguments]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    nets = json.loads(result.stdout)["nets"]
    assert len(nets) == 6
    return {
        "wall_seconds": wall,
        "cpu_seconds": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "best_f_score": max(net["f_score"] for net in nets),
    }


def main() -> None:
    """Run the rounds and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--size", type=int, default=64)
    args = parser.parse_args()

    arguments = [str(args.root), "--epochs", str(args.epochs), "--size", str(args.size)]
    measured: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for round_number in range(args.rounds):
        for way in WAYS if round_number % 2 == 0 else reversed(WAYS):
            measured[way].append(run(way, arguments))
            print(f"round {round_number + 1}: {way} {measured[way][-1]}", flush=True)

    print(f"\n{os.cpu_count()} cores, {platform.processor() or platform.machine()}")
    print(f"{'way':12} {'wall s':>8} {'CPU s':>8} {'best F':>8}   ratio of wall seconds")
    peer = median(one["wall_seconds"] for one in measured[WAYS[0]])
    for way in WAYS:
        wall, cpu, best = (
            median(one[name] for one in measured[way])
            for name in ("wall_seconds", "cpu_seconds", "best_f_score")
        )
        print(f"{way:12} {wall:8.1f} {cpu:8.1f} {best:8.4f}   {wall / peer:.2f}")


if __name__ == "__main__":
    main()
