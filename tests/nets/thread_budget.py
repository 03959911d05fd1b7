"""Print how many threads TensorFlow really has in each worker: ``thread_budget.py BACKEND JOBS``.

Run by test_backends.py in a process of its own, where no variable about threads is set.
"""

import os
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import joblib
import numpy as np

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


if __name__ == "__main__":
    backend, n_jobs = sys.argv[1], int(sys.argv[2])
    with ExitStack() as stack:
        if backend == "dask":
            from distributed import Client, LocalCluster

            cluster = LocalCluster(
                n_workers=n_jobs, threads_per_worker=1, processes=True, dashboard_address=None
            )
            stack.enter_context(stack.enter_context(cluster) and Client(cluster))
        stack.enter_context(joblib.parallel_config(backend=backend))
        if backend == "loky":
            start_workers(n_jobs)
        counts = joblib.Parallel(n_jobs=n_jobs)(
            joblib.delayed(count_threads)(task) for task in range(2 * n_jobs)
        )
    if backend == "loky" and n_jobs > 1:
        assert all(was_started for _, _, was_started in counts)
    print(*{process: n_threads for process, n_threads, _ in counts}.values())
