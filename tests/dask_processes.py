"""A dask cluster of processes that tests kill: a scheduler and a worker that nothing restarts."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def scheduler_and_worker(
    file: Path,
) -> Iterator[tuple[subprocess.Popen[bytes], subprocess.Popen[bytes]]]:
    """Start them; the scheduler writes its address to the file, which must not exist."""
    with (
        _dask("scheduler", file, "--host", "127.0.0.1", "--port", "0") as scheduler,
        _dask("worker", file, "--nthreads", "1", "--no-nanny") as worker,
    ):
        yield scheduler, worker


@contextmanager
def _dask(what: str, file: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "dask", what, "--scheduler-file", file, "--no-dashboard"]
    process = subprocess.Popen(
        [*command, *options], env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()
