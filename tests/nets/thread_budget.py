"""Print how many threads TensorFlow has in each worker, and whether growing workers are kept.

Run by test_backends.py as ``thread_budget.py BACKEND JOBS`` in a process of its own, where no
variable about threads is set.
"""

import os
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import joblib
import numpy as np
from joblib.externals.loky import process_executor

from skcomic import start_workers


def count_threads(_task: int) -> tuple[int, int, bool]:
    """Train a net, and count what threads this process has for that."""
    was_started = "tensorflow" in sys.modules
    from skcomic import ConvNetClassifier

    rows, labels = np.random.default_rng(0).random((20, 64), dtype=np.float32), [0, 1] * 10
    ConvNetClassifier(first_units=2, filters=2, epochs=1).fit(rows, labels)
    time.sleep(1)  # so that the other worker takes a task as well
    names = [(task / "comm").read_text().strip() for task in Path("/proc/self/task").iterdir()]
    return os.getpid(), names.count("tf_Compute"), was_started


def suspect() -> None:
    """Have this worker of joblib take any growth for a leak, as after each of its tasks."""
    process_executor._MAX_MEMORY_LEAK_SIZE = 1
    process_executor._MEMORY_LEAK_CHECK_DELAY = 0


grown = []


def grow(_task: int) -> int:
    """Keep ten megabytes more."""
    grown.append(bytearray(10_000_000))
    return os.getpid()


def count_processes(parallel: joblib.Parallel) -> int:
    """Count the processes in which five rounds of two tasks grow."""
    processes = set()
    for _ in range(5):
        processes.update(parallel(joblib.delayed(grow)(task) for task in range(2)))
    return len(processes)


if __name__ == "__main__":
    backend, n_jobs = sys.argv[1], int(sys.argv[2])
    with ExitStack() as stack:
        if backend == "dask":
            from distributed import Client, LocalCluster

            cluster = LocalCluster(
                n_workers=n_jobs, threads_per_worker=1, processes=True, dashboard_address=":0"
            )
            stack.enter_context(stack.enter_context(cluster) and Client(cluster))
        own = {"initializer": suspect} if backend == "loky" else {}
        stack.enter_context(joblib.parallel_config(backend=backend, **own))
        if backend == "loky":
            start_workers(n_jobs)
        parallel = joblib.Parallel(n_jobs=n_jobs)
        counts = parallel(joblib.delayed(count_threads)(task) for task in range(2 * n_jobs))
        n_processes = count_processes(parallel)
    if backend == "loky" and n_jobs > 1:
        assert all(was_started for _, _, was_started in counts)
    print(*{process: n_threads for process, n_threads, _ in counts}.values())
    print(n_processes)
