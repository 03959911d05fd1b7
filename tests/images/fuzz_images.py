"""Try mutated images of all formats on `read_raster`::

    python tests/images/fuzz_images.py [--number 100000] [--first 0] [-j 1]

Each mutation has a number that reproduces it: ``--first NUMBER --number 1``. They are tried in
child processes. A mutation must not end the process, take more than five seconds, raise another
exception than `ImageReadError`, return a raster of another shape, leave a file open, or make
memory grow. Prints counts, the slowest mutation and the faults; exits with 1 if there are any.
libtiff writes messages of its own to the standard error stream.
"""

import argparse
import gc
import multiprocessing
import struct
import sys
import tempfile
import time
import warnings
import zlib
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import psutil
from hostile import Case, every_case

from skcomic.images.decoding import ImageReadError, Rendering, read_rasters

GROUPS = ("format", "pixels", "orientation", "animation", "bomb")
SIZES = [(8, 8), (5, 7)]
LARGEST_SEED = 20_000
MAX_PIXELS = 1_000_000
SECONDS_ALLOWED = 5
WARM_UP = 500
BYTES_ALLOWED = 32 << 20
BATCH_SIZE = 20_000
_EDGE_VALUES = (0, 1, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0xFFFF_FFFF)


class Result(NamedTuple):
    """The outcomes and faults of some mutations."""

    outcomes: Counter[str]
    faults: list[str]
    slowest: tuple[float, int]
    descriptors: int
    grown_bytes: int


@cache
def seeds() -> list[bytes]:
    """The files that are mutated: those of hostile.py without duplicates and large ones."""
    contents = {}
    with tempfile.TemporaryDirectory() as folder:
        for case in every_case():
            if case.group in GROUPS and "TiB" not in case.name:
                contents[_content(case, Path(folder))] = None
    return [content for content in contents if len(content) < LARGEST_SEED]


def _content(case: Case, folder: Path) -> bytes:
    return Path(case.make(folder)).read_bytes()


def mutation(number: int) -> bytes:
    """Return the mutated file with a number."""
    random = Random(number)
    data = bytearray(random.choice(seeds()))
    for _ in range(random.choice((1, 1, 1, 2, 3, 5, 8))):
        random.choice(_MUTATORS)(data, random)
    if data.startswith(b"\x89PNG") and random.random() < 0.7:
        _repair_checksums(data)
    return bytes(data)


def _place(data: bytearray, random: Random) -> int:
    beginning = random.random() < 0.5  # most headers are there
    return random.randrange(max(1, min(len(data), 200) if beginning else len(data)))


def _flip_a_bit(data: bytearray, random: Random) -> None:
    if data:
        data[_place(data, random)] ^= 1 << random.randrange(8)


def _set_a_byte(data: bytearray, random: Random) -> None:
    if data:
        data[_place(data, random)] = random.randrange(256)


def _set_a_number(data: bytearray, random: Random) -> None:
    at, form = _place(data, random), random.choice((">H", "<H", ">I", "<I"))
    length = struct.calcsize(form)
    data[at : at + length] = struct.pack(form, random.choice(_EDGE_VALUES) % (1 << 8 * length))


def _cut_off(data: bytearray, random: Random) -> None:
    del data[random.randrange(len(data) + 1) :]


def _delete(data: bytearray, random: Random) -> None:
    at = _place(data, random)
    del data[at : at + random.randrange(1, 40)]


def _repeat(data: bytearray, random: Random) -> None:
    at, length = _place(data, random), random.randrange(1, 200)
    data[at:at] = data[at : at + length] * random.randrange(1, 20)


def _insert(data: bytearray, random: Random) -> None:
    at = _place(data, random)
    data[at:at] = random.randbytes(random.randrange(1, 40))


def _splice(data: bytearray, random: Random) -> None:
    other = random.choice(seeds())
    at = random.randrange(len(other))
    data[_place(data, random) :] = other[at:]


_MUTATORS = (
    _flip_a_bit, _flip_a_bit, _set_a_byte, _set_a_byte, _set_a_number, _set_a_number,
    _cut_off, _delete, _repeat, _insert, _splice,
)  # fmt: skip


def _repair_checksums(data: bytearray) -> None:
    """Correct the checksums of the chunks of a PNG file, so that their content is read."""
    at = 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        end = at + 8 + length
        if end + 4 > len(data):
            return
        struct.pack_into(">I", data, end, zlib.crc32(data[at + 4 : end]))
        at = end + 4


def try_mutations(numbers: Iterable[int], current: Any = None) -> Result:
    """Try some mutations in this process; `current.value` is set to the number being tried."""
    outcomes: Counter[str] = Counter()
    faults: list[str] = []
    slowest = (0.0, -1)
    process = psutil.Process()
    resident = 0
    descriptors = process.num_fds()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        path = Path(folder, "mutated.jpg")
        for count, number in enumerate(numbers):
            if current:
                current.value = number
            path.write_bytes(mutation(number))
            warnings.simplefilter("error" if number % 2 else "ignore")
            # A few with the largest limit; most with a small one, which takes less time.
            limit = {} if number % 50 == 0 else {"max_pixels": MAX_PIXELS}
            start = time.perf_counter()
            outcome = _outcome(path, limit)
            seconds = time.perf_counter() - start
            slowest = max(slowest, (seconds, number))
            outcomes[outcome] += 1
            if outcome.startswith("fault"):
                faults.append(f"{number}: {outcome}")
            if seconds > SECONDS_ALLOWED:
                faults.append(f"{number}: took {seconds:.1f} s")
            if count == WARM_UP:
                gc.collect()
                resident = process.memory_info().rss
    gc.collect()
    grown = process.memory_info().rss - resident if resident else 0
    if left := process.num_fds() - descriptors:
        faults.append(f"{left} open files are left")
    if grown > BYTES_ALLOWED:
        faults.append(f"memory has grown by {grown / 1e6:.0f} MB")
    return Result(outcomes, faults, slowest, left, grown)


def _outcome(path: Path, limit: dict[str, int]) -> str:
    try:
        rasters, _ = read_rasters(path, SIZES, Rendering(**limit))
    except ImageReadError as error:
        return error.failures[0].kind
    except BaseException as error:
        return f"fault: {error!r}"
    if any(raster.dtype != "uint8" for raster in rasters):
        return "fault: another type"
    if [raster.shape for raster in rasters] != SIZES:
        return "fault: another shape"
    return "raster"


def _run_child(numbers: range, current: Any, results: Any) -> None:
    results.put(try_mutations(numbers, current))


def try_in_child(numbers: range) -> list[Result]:
    """Try mutations in a child process; if it ends at one, resume with the next in another."""
    context = multiprocessing.get_context("spawn")
    current, results = context.Value("q", -1), context.SimpleQueue()
    child = context.Process(target=_run_child, args=(numbers, current, results))
    child.start()
    before, since = -1, time.monotonic()
    while results.empty() and child.is_alive():
        time.sleep(0.05)
        if current.value != before:
            before, since = current.value, time.monotonic()
        elif before >= 0 and time.monotonic() - since > 4 * SECONDS_ALLOWED:
            child.kill()
            break
    if not results.empty():
        found = results.get()
        child.join()
        return [found]
    child.join()
    fault = f"{current.value}: the process hung or ended with {child.exitcode}"
    lost = Result(Counter({"fault": 1}), [fault], (0.0, -1), 0, 0)
    rest = range(current.value + 1, numbers.stop)
    return [lost, *(try_in_child(rest) if rest and current.value >= 0 else [])]


def main() -> None:
    """Try a number of mutations and print the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--number", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("-j", "--jobs", type=int, default=1)
    args = parser.parse_args()
    stop = args.first + args.number
    parts = [
        range(start, min(start + BATCH_SIZE, stop))
        for start in range(args.first, stop, BATCH_SIZE)
    ]
    start = time.perf_counter()
    with ThreadPoolExecutor(args.jobs) as threads:
        found = [result for part in threads.map(try_in_child, parts) for result in part]
    outcomes = sum((result.outcomes for result in found), Counter())
    faults = [fault for result in found for fault in result.faults]
    print(
        f"{args.number} mutations of {len(seeds())} files in {time.perf_counter() - start:.0f} s"
    )
    for outcome, count in outcomes.most_common():
        print(f"{count:9} {outcome}")
    seconds, number = max(result.slowest for result in found)
    print(f"slowest: {seconds:.2f} s, number {number}")
    print(f"open files left: {sum(result.descriptors for result in found)}")
    print(f"memory grown, at most: {max(result.grown_bytes for result in found) / 1e6:.1f} MB")
    print("\n".join(faults) or "nothing was wrong")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
