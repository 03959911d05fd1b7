"""Compare skcomic with other approaches, in turns on one machine::

    python benchmarks/compare.py --root DIR [--out FILE.json] [--rounds 3] [--epochs 25]

DIR contains one folder of images per class. Images smaller than 1024x1024 pixels are first
enlarged to that size, as JPEG files of about 120 KB in a temporary folder.

(a) milliseconds per image of several decoders on one core; (b) the search among the same six nets,
and at last among all contenders: wall seconds of the whole process including imports, CPU seconds
and peak memory (proportional set size) of it and all its children, best F-score on the validation
images; (c) images per second from files to labels. Medians of the rounds; every second round runs
in reverse order.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import psutil
from PIL import Image

from skcomic.images.decoding import EXTENSIONS

SIDE = 1024
QUALITY = 88  # about 120 KB for a face
SEARCHES = {
    "report's way": ["report_way.py"],
    "plain scikeras": ["plain_way.py"],
    "skcomic float32": ["skcomic_way.py", "--precision", "float32"],
    "skcomic auto": ["skcomic_way.py", "--precision", "auto"],
    "skcomic halving": ["skcomic_way.py", "--precision", "auto", "--search", "halving"],
    "skcomic, all": ["contenders_way.py", "--search", "halving"],
}
SAMPLING_SECONDS = 0.5  # a sample takes 20 ms per process


def prepare(root: Path, folder: Path) -> tuple[Path, str]:
    """Return a folder of large JPEG files, and a description of them."""
    paths = sorted(path for path in root.glob("*/*") if path.suffix in EXTENSIONS)
    with Image.open(paths[0]) as image:
        size = image.size
    if min(size) >= SIDE:
        return root, f"{len(paths)} unchanged images, {size[0]}x{size[1]}"
    for path in paths:
        target = folder / path.parent.name / f"{path.stem}.jpg"
        target.parent.mkdir(exist_ok=True)
        with Image.open(path) as image:
            large = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        large.save(target, quality=QUALITY)
    mean = sum(path.stat().st_size for path in folder.glob("*/*")) / len(paths)
    return folder, (
        f"{len(paths)} images (the first {size[0]}x{size[1]}), resized to {SIDE}x{SIDE} by "
        f"Lanczos, JPEG of {mean / 1000:.0f} KB on average"
    )


def run(script: str, *arguments: str) -> Any:
    """Run one of the scripts in a new process; return the JSON that it prints."""
    command = [sys.executable, str(Path(__file__).with_name(script)), *arguments]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def run_search(script: str, *arguments: str) -> dict[str, float]:
    """Run a search in a new process, and measure it and its children."""
    command = [sys.executable, str(Path(__file__).with_name(script)), *arguments]
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=errors)
        cpu: dict[int, float] = {}
        peak = 0
        while process.poll() is None:
            try:
                tree = [psutil.Process(process.pid)]
                tree += tree[0].children(recursive=True)
            except psutil.NoSuchProcess:
                break
            memory = 0
            for member in tree:
                try:
                    times = member.cpu_times()
                    memory += member.memory_full_info().pss
                except (psutil.NoSuchProcess, psutil.AccessDenied):
                    continue  # it has ended meanwhile
                cpu[member.pid] = times.user + times.system
            peak = max(peak, memory)
            time.sleep(SAMPLING_SECONDS)
        wall = time.perf_counter() - start
        out.seek(0)
        errors.seek(0)
        if process.wait():
            raise RuntimeError(f"{script} failed:\n{errors.read()}")
        nets = json.load(out)["nets"]
    return {
        "wall_seconds": wall,
        "cpu_seconds": sum(cpu.values()),
        "peak_megabytes": peak / 1e6,
        "best_f_score": max(net["f_score"] for net in nets),
    }


def machine() -> str:
    """Name the processor as far as the system reports it."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    flags = " ".join(lines)
    has = [name for name in ("avx2", "avx512_bf16", "amx_bf16") if name in flags]
    return (
        f"{os.cpu_count()} cores, {names[0] if names else platform.machine()} ({', '.join(has)})"
    )


def print_tables(found: dict[str, Any]) -> None:
    """Print the tables."""
    print(f"\n{found['machine']}\n{found['images']}\n")
    files = found["files"]
    decode = files["decode_ms"]
    print(f"{'(a) decoding to 64x64, one core':32} {'ms per image':>12}   speed / report's")
    for name, ms in decode.items():
        print(f"{name:32} {ms:12.3f}   {decode[next(iter(decode))] / ms:.2f}")
    scaled = min(ms for name, ms in decode.items() if "1/8" in name)
    one, two = (files["threads_ms"][n] for n in "12")
    cold, warm = decode["skcomic, cold"], decode["skcomic, warm"]
    print(f"skcomic, cold: {scaled / cold:.2f} times as fast as the fastest other decoder")
    print(f"skcomic, warm: {cold / warm:.0f} times as fast as cold")
    print(f"skcomic, two threads: {one / two:.2f} times as fast as one\n")
    print(
        f"{'(b) the search':18} {'wall s':>8} {'CPU s':>8} {'MB':>8} {'best F':>8}   wall ratios"
    )
    walls = [one["wall_seconds"] for one in found["search"].values()]
    for name, one in found["search"].items():
        ratios = f"{one['wall_seconds'] / walls[0]:.2f}  {one['wall_seconds'] / walls[1]:.2f}"
        print(
            f"{name:18} {one['wall_seconds']:8.1f} {one['cpu_seconds']:8.1f} "
            f"{one['peak_megabytes']:8.0f} {one['best_f_score']:8.4f}   {ratios}"
        )
    print()
    for key, title in (
        ("images_per_second", "(c) files to labels, images per second"),
        ("rows_per_second", "    predict, rows per second"),
    ):
        speeds = files[key]
        first = next(iter(speeds.values()))
        for name, speed in speeds.items():
            print(f"{title:38} {name:14} {speed:9.0f}   {speed / first:.2f}")


def main() -> None:
    """Run the rounds and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--out", type=Path, help="JSON file for all figures")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=25)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root, how = prepare(args.root, Path(folder))
        print(how, flush=True)
        files = run("file_ways.py", str(root), "--rounds", str(args.rounds + 2))
        rounds: dict[str, list[dict[str, float]]] = {name: [] for name in SEARCHES}
        for number in range(args.rounds):
            for name in SEARCHES if number % 2 == 0 else reversed(SEARCHES):
                script, *options = SEARCHES[name]
                epochs = ["--epochs", str(args.epochs)]
                rounds[name].append(run_search(script, str(root), *options, *epochs))
                print(f"round {number + 1}: {name} {rounds[name][-1]}", flush=True)
    found = {
        "machine": machine(),
        "images": how,
        "files": files,
        "search": {
            name: {key: median(one[key] for one in runs) for key in runs[0]}
            for name, runs in rounds.items()
        },
        "rounds": rounds,
    }
    print_tables(found)
    if args.out:
        args.out.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
