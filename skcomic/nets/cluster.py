"""Tasks of joblib on a dask cluster: what they share is sent once, and workers may die.

dask runs the tasks of a worker that has died on others, and gives up those that were on too many
such workers: whether they were the cause, or only waited there for their turn. joblib then waits
for ever. So such a task is tried again with nothing else running; if its worker dies once more, it
fails.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Self

import dask

from skcomic._compat.dask import DaskDistributedBackend, KilledWorker, sizeof
from skcomic._compat.joblib import calls_in
from skcomic.nets.supervision import fail_fits

# Of an argument that is sent by itself; joblib would scatter it, and lose it with its worker.
_MIN_BYTES = 1000
_SIZE_OF_A_WARNING = "distributed.admin.large-graph-warning-threshold"


class ClusterBackend(DaskDistributedBackend):
    """joblib's backend of a dask cluster, whose tasks are tried again when workers die."""

    @classmethod
    def like(cls, backend: DaskDistributedBackend) -> Self:
        """Make a backend of the same cluster.

        Parameters
        ----------
        backend : DaskDistributedBackend
            joblib's own.

        Returns
        -------
        backend : ClusterBackend
            Another one.
        """
        return cls(
            client=backend.client,
            wait_for_workers_timeout=backend.wait_for_workers_timeout,
            **backend.submit_kwargs,
        )

    def compute_batch_size(self) -> int:
        """Return 1: each task is tried again by itself."""
        return 1

    def effective_n_jobs(self, n_jobs: int) -> int:
        """Return the number of threads of the cluster, or 2: joblib would run one job here."""
        return max(2, super().effective_n_jobs(n_jobs))

    def start_call(self) -> None:
        """Begin the tasks of one call of `joblib.Parallel`."""
        super().start_call()
        self._is_over = False
        self._lock = threading.Lock()
        self._running: set[Any] = set()
        self._suspects: list[tuple[Any, Callable[[Any], None], int]] = []
        self._sent: list[Any] = []

    def stop_call(self) -> None:
        """End the tasks of one call: the workers may forget what was sent to them."""
        super().stop_call()
        self._is_over = True
        self.data_futures.clear()
        self._sent.clear()

    def submit(self, func: Any, callback: Any = None) -> Any:
        """Schedule a task of joblib."""
        with self._lock:
            self._running.add(func)
        return self._start(func, callback, n_deaths=0)

    def _start(self, batch: Any, callback: Callable[[Any], None], n_deaths: int) -> Any:
        def finish(result: Any) -> None:
            callback(result)  # joblib submits the next task
            self._end_task(batch)

        def look_for_error(future: "Future[Any]") -> None:
            error = future.exception()  # of dask; those of the task are results
            if self._is_over:
                return
            if isinstance(error, KilledWorker):
                self._try_again(batch, callback, n_deaths, error.allowed_failures + 1)
            elif error is not None:
                finish(error)

        self._send_arguments(batch)
        future = super().submit(batch, finish)
        future.add_done_callback(look_for_error)
        return future

    def _try_again(
        self, batch: Any, callback: Callable[[Any], None], n_before: int, n_deaths: int
    ) -> None:
        """Try a task again when nothing else is running; if that was so already, let it fail."""
        if not n_before:
            self._suspects.append((batch, callback, n_deaths))
            self._end_task(batch)
            return
        n_deaths += n_before
        try:
            fail_fits(batch, n_deaths, KilledWorker.__name__)
        except ChildProcessError as error:
            callback(error)
            self._end_task(batch)
        else:
            self._start(batch, callback, n_deaths)

    def _end_task(self, batch: Any) -> None:
        """Go on to the next task that is to be alone, if nothing else is running."""
        with self._lock:
            self._running.discard(batch)
            if self._running or not self._suspects:
                return
            suspect = self._suspects.pop(0)
            self._running.add(suspect[0])
        self._start(*suspect)

    def _send_arguments(self, batch: Any) -> None:
        """Send each large argument once, as the result of a task, which dask can repeat."""
        for _, args, kwargs in calls_in(batch):
            for argument in (*args, *kwargs.values()):
                sent = self.data_futures.get(id(argument))
                if (sent is None and sizeof(argument) > _MIN_BYTES) or (
                    sent is not None and sent.status == "error"
                ):
                    self._sent.append(argument)  # so that no other one has its id
                    with dask.config.set({_SIZE_OF_A_WARNING: "1TB"}):
                        future = self.client.submit(_return, argument, pure=False)
                    self.data_futures[id(argument)] = future


def _return(argument: Any) -> Any:
    return argument
