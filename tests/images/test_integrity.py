"""The file of a cache is checked once for each state, and damage is always found."""

import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import skcomic.images.cache
from skcomic import cache_info, clear_cache
from skcomic.images.cache import RasterCache
from skcomic.images.integrity import IntegrityMarker

KEYS = [b"%016d" % number for number in range(100)]
RASTERS = np.arange(100, dtype=np.uint8).repeat(24 * 24).reshape(100, 24, 24)

# Each check is logged, as a line of a file; then follows what a process does with the cache.
START = """
import os, signal, subprocess, sys
import numpy as np
from skcomic.images.cache import RasterCache
from skcomic.images.integrity import IntegrityMarker

def run_and_log(*args, run=subprocess.run, **settings):
    with open(sys.argv[2], "a") as log:
        log.write("checked\\n")
    return run(*args, **settings)

subprocess.run = run_and_log
folder = sys.argv[1]
"""
READ = """
rasters = np.empty((100, 24, 24), np.uint8)
found = RasterCache.open(folder).read([b"%016d" % number for number in range(100)], rasters)
assert (rasters[found, 0, 0] == np.flatnonzero(found)).all()
print(found.sum())
"""
WRITE = """
for number in range(50):
    keys = [b"%d-%d" % (os.getpid(), number)]
    RasterCache.open(folder).write(keys, np.zeros((1, 64, 64), np.uint8))
print("written")
"""
HANG = """
RasterCache.open(folder).write([b"another"], np.zeros((1, 8, 8), np.uint8))
print("open", flush=True)
signal.pause()
"""
KILLED_AFTER_COMMIT = """
store = RasterCache.open(folder)
IntegrityMarker._record = lambda *args: os.kill(os.getpid(), signal.SIGKILL)
store.write([b"another"], np.zeros((1, 8, 8), np.uint8))
"""


class Processes:
    """Processes that use one cache, and how often they check it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder.with_name("checks")

    def start(self, code: str) -> subprocess.Popen:
        command = [sys.executable, "-c", START + code, str(self.folder), str(self.log)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, code: str, n_processes: int = 1) -> list[tuple[int, str, str]]:
        """Run processes at the same time: exit code, output and errors of each."""
        started = [self.start(code) for _ in range(n_processes)]
        ended = [process.communicate(timeout=60) for process in started]
        return [(p.returncode, *texts) for p, texts in zip(started, ended, strict=True)]

    def count_checks(self) -> int:
        """Count the checks since the last time."""
        n_checks = len(self.log.read_text().splitlines()) if self.log.exists() else 0
        self.log.unlink(missing_ok=True)
        return n_checks


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The file of a cache of 100 rasters, which this process has closed."""
    folder = tmp_path / "cache"
    RasterCache.open(folder).write(KEYS, RASTERS)
    RasterCache.close(folder)
    return folder / "rasters.lmdb"


@pytest.fixture
def processes(file: Path) -> Processes:
    return Processes(file.parent)


def change_nothing_but_the_state(file: Path) -> None:
    os.utime(file)


def test_what_skcomic_wrote_is_not_checked(processes: Processes) -> None:
    assert processes.run(READ) == [(0, "100\n", "")]
    assert processes.run(READ, 4) == [(0, "100\n", "")] * 4
    assert processes.run(WRITE, 4) == [(0, "written\n", "")] * 4
    assert processes.run(READ, 2) == [(0, "100\n", "")] * 2
    assert cache_info(processes.folder)["rasters"] == 100 + 4 * 50
    assert processes.count_checks() == 0


def test_a_changed_file_is_checked_once(processes: Processes, file: Path) -> None:
    for n_processes in (1, 4):
        change_nothing_but_the_state(file)
        assert processes.run(READ, n_processes) == [(0, "100\n", "")] * n_processes
        assert processes.count_checks() == 1
        assert processes.run(READ + WRITE) == [(0, "100\nwritten\n", "")]
        assert processes.count_checks() == 0


def test_a_copied_cache_is_checked_once(processes: Processes, file: Path) -> None:
    content = file.read_bytes()
    file.unlink()
    file.write_bytes(content)
    assert processes.run(READ) == [(0, "100\n", "")]
    assert processes.run(READ) == [(0, "100\n", "")]
    assert processes.count_checks() == 1


@pytest.mark.parametrize("damage", ["truncated", "flipped", "flipped, of the same time"])
def test_damage_after_a_clean_close_is_found(
    processes: Processes, file: Path, damage: str
) -> None:
    assert processes.run(READ) == [(0, "100\n", "")]
    before = file.stat()
    content = file.read_bytes()
    if damage == "truncated":
        os.truncate(file, len(content) // 2)
    else:
        file.write_bytes(content[:8192] + np.random.default_rng(0).bytes(len(content) - 8192))
        assert file.stat().st_size == before.st_size
    if damage == "flipped, of the same time":
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    for n_processes in (4, 1):
        for code, output, errors in processes.run(READ, n_processes):
            assert (code, output) == (0, "0\n")
            assert "is damaged" in errors
            assert errors.count("UserWarning") == 1
        assert processes.count_checks() == n_processes
    with pytest.raises(OSError, match="is damaged"):
        cache_info(file.parent)


def test_a_process_that_is_killed_costs_no_check(processes: Processes, file: Path) -> None:
    process = processes.start(HANG)
    assert process.stdout.readline() == "open\n"
    process.kill()
    process.communicate()
    assert processes.run(READ, 2) == [(0, "100\n", "")] * 2
    assert processes.count_checks() == 0
    os.truncate(file, file.stat().st_size // 2)
    ((code, output, errors),) = processes.run(READ)
    assert (code, output) == (0, "0\n")
    assert "is damaged" in errors


def test_a_process_that_is_killed_before_it_records_costs_one_check(processes: Processes) -> None:
    assert processes.run(KILLED_AFTER_COMMIT) == [(-signal.SIGKILL, "", "")]
    assert processes.count_checks() == 0
    assert processes.run(READ, 4) == [(0, "100\n", "")] * 4
    assert processes.count_checks() == 1


def test_writing_does_not_hide_a_change_by_others(processes: Processes, file: Path) -> None:
    store = RasterCache.open(file.parent)
    change_nothing_but_the_state(file)
    store.write([b"another"], np.zeros((1, 8, 8), np.uint8))
    assert processes.run(READ) == [(0, "100\n", "")]
    assert processes.count_checks() == 1
    store.write([b"and one more"], np.zeros((1, 8, 8), np.uint8))
    assert processes.run(READ) == [(0, "100\n", "")]
    assert processes.count_checks() == 0


def test_a_full_cache_is_not_checked(
    processes: Processes, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(skcomic.images.cache, "LIMIT", file.stat().st_size)
    for _ in range(2):
        with pytest.warns(UserWarning, match="is full"):
            RasterCache.open(file.parent).write(KEYS, np.zeros((100, 64, 64), np.uint8))
        RasterCache.close(file.parent)
        assert processes.run(READ) == [(0, "100\n", "")]
    assert processes.count_checks() == 0


def test_without_permission_to_record_the_file_is_checked_each_time(
    processes: Processes, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args, **settings) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "utime", refuse)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        RasterCache.open(file.parent).write([b"another"], np.zeros((1, 8, 8), np.uint8))
    RasterCache.close(file.parent)
    runs = []
    run = subprocess.run

    def run_and_count(*args, **settings) -> subprocess.CompletedProcess:
        runs.append(args)
        return run(*args, **settings)

    monkeypatch.setattr(subprocess, "run", run_and_count)
    for _ in range(2):
        assert RasterCache.open(file.parent).info()["rasters"] == 101
        RasterCache.close(file.parent)
    assert len(runs) == 2


@pytest.mark.parametrize("marker", [b"", b"1 2 3 4 5", b"\xff\x00" * 10_000])
def test_a_damaged_marker_costs_one_check(processes: Processes, file: Path, marker: bytes) -> None:
    file.with_name("rasters.lmdb-checked").write_bytes(marker)
    for n_checks in (1, 0):
        assert processes.run(READ) == [(0, "100\n", "")]
        assert processes.count_checks() == n_checks


def test_check_raises_where_nothing_is_opened(file: Path) -> None:
    IntegrityMarker(file).check()
    file.write_bytes(b"no database" * 1000)
    with pytest.raises(OSError, match=r"rasters\.lmdb' is damaged: lmdb\."):
        IntegrityMarker(file).check()


def test_clearing_a_cache_leaves_no_file(file: Path) -> None:
    assert len(list(file.parent.iterdir())) == 3
    clear_cache(file.parent)
    assert list(file.parent.iterdir()) == []
