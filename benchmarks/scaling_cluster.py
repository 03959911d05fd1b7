"""A dask cluster of many workers that sleep: its scheduler, its tasks and its messages are real.

The scheduler, all workers (one thread each) and the client are three processes, which talk by TCP.
``python benchmarks/scaling_cluster.py FILE N_WORKERS`` is the process of the workers.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

# What each worker does all the time, which for 256 of them in one process is all that it can do.
QUIET = {
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
    "DASK_DISTRIBUTED__ADMIN__SYSTEM_MONITOR__INTERVAL": "60s",
}
PATHS = "/data/face2comics/rows_of_images/faces/{:09d}.jpg"


class Run(NamedTuple):
    """What some tasks took: seconds of the wall, and of the processors of three processes."""

    wall: float
    scheduler_cpu: float
    workers_cpu: float
    client_cpu: float


@contextmanager
def start_cluster(n_workers: int) -> Iterator[Any]:
    """Start a cluster, and give a client of it."""
    from distributed import Client

    def start(*command: str) -> subprocess.Popen[bytes]:
        nowhere = subprocess.DEVNULL
        process = subprocess.Popen(
            [sys.executable, *command], env=environment, stdout=nowhere, stderr=nowhere
        )
        stack.callback(process.wait)
        stack.callback(process.terminate)
        return process

    # The scheduler unpickles the tasks, too.
    here = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": here, **QUIET}
    with ExitStack() as stack:
        file = Path(stack.enter_context(TemporaryDirectory())) / "scheduler.json"
        at = "-m", "distributed.cli.dask_scheduler", "--port", "0", "--no-dashboard"
        start(*at, "--host", "127.0.0.1", "--scheduler-file", str(file))
        while not file.exists():
            time.sleep(0.1)
        start(__file__, str(file), str(n_workers))
        with Client(scheduler_file=str(file)) as client:
            client.wait_for_workers(n_workers, timeout=120)
            yield client


def run_tasks(client: Any, n_tasks: int, n_images: int, seconds: float) -> Run:
    """Run tasks that take so long, each with the paths of its images."""
    from distributed import wait

    parts = [
        [PATHS.format(number) for number in range(start, start + n_images)]
        for start in range(0, n_tasks * n_images, n_images)
    ]
    before = _cpu_seconds(client)
    start = time.perf_counter()
    futures = [client.submit(work, part, seconds, pure=False) for part in parts]
    wait(futures)
    wall = time.perf_counter() - start
    after = _cpu_seconds(client)
    assert client.gather(futures) == [n_images] * n_tasks, "a task has failed"
    client.cancel(futures)
    return Run(wall, *(late - early for early, late in zip(before, after, strict=True)))


def work(paths: list[str], seconds: float) -> int:
    """Sleep as long as the images of a task take."""
    time.sleep(seconds)
    return len(paths)


def _cpu_seconds(client: Any) -> tuple[float, float, float]:
    worker = next(iter(client.scheduler_info(n_workers=-1)["workers"]))
    of_workers = client.run(time.process_time, workers=[worker])[worker]
    return client.run_on_scheduler(time.process_time), of_workers, time.process_time()


async def _serve(scheduler_file: str, n_workers: int) -> None:
    from distributed import Worker

    with TemporaryDirectory() as folder:
        workers = [
            Worker(
                scheduler_file=scheduler_file, nthreads=1, memory_limit=0, dashboard=False,
                local_directory=f"{folder}/{number}",
            )
            for number in range(n_workers)
        ]  # fmt: skip
        await asyncio.gather(*workers)
        await asyncio.gather(*(worker.finished() for worker in workers))


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], int(sys.argv[2])))
