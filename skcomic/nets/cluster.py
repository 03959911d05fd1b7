"""Tasks of joblib on a dask cluster: what they share is sent once, and workers may die.

dask runs the tasks of a worker that has died on others, and gives up those that were on too many
such workers: whether they were the cause, or only waited there for their turn. joblib then waits
for ever. So such a task is tried again with nothing else running; if its worker dies once more, it
fails.

Without any worker dask waits for the next one, and joblib with it: after a minute the tasks fail,
as they do when the scheduler is lost.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Self

import dask

from skcomic._compat.dask import CancelledError, DaskDistributedBackend, KilledWorker, sizeof
from skcomic._compat.joblib import calls_in
from skcomic.nets.supervision import fail_fits

# Of an argument that is sent by itself; joblib would scatter it, and lose it with its worker.
_MIN_BYTES = 1000
_SIZE_OF_A_WARNING = "distributed.admin.large-graph-warning-threshold"

# A worker that has died is started again in seconds, if anything starts it; joblib's own setting,
# ``wait_for_workers_timeout``, may be longer.
_MIN_WAIT_SECONDS = 60
_POLL_SECONDS = 1
_ADVICE = (
    "and run this again with the same checkpoint_dir (or skcomic study --resume FOLDER): it goes "
    "on where it stopped"
)


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
            wait_for_workers_timeout=max(_MIN_WAIT_SECONDS, backend.wait_for_workers_timeout or 0),
            **backend.submit_kwargs,
        )

    def compute_batch_size(self) -> int:
        """Return 1: each task is tried again by itself."""
        return 1

    def effective_n_jobs(self, n_jobs: int) -> int:
        """Return the number of threads of the cluster, or 2: joblib would run one job here."""
        if self.client.status != "running":
            raise self._scheduler_is_lost()
        try:
            return max(2, super().effective_n_jobs(n_jobs))
        except TimeoutError as error:  # joblib has waited for a worker
            raise self._has_no_workers() from error
        except (OSError, CancelledError) as error:
            raise self._scheduler_is_lost() from error

    def start_call(self) -> None:
        """Begin the tasks of one call of `joblib.Parallel`."""
        super().start_call()
        self._is_over = False
        self._lock = threading.Lock()
        self._running: dict[Any, Callable[[Any], None]] = {}
        self._suspects: list[tuple[Any, Callable[[Any], None], int]] = []
        self._sent: list[Any] = []
        self.client.loop.add_callback(self._watch, self._running)

    def stop_call(self) -> None:
        """End the tasks of one call: the workers may forget what was sent to them."""
        super().stop_call()
        self._is_over = True
        self.data_futures.clear()
        self._sent.clear()

    def submit(self, func: Any, callback: Any = None) -> Any:
        """Schedule a task of joblib."""
        with self._lock:
            self._running[func] = callback
        return self._start(func, callback, n_deaths=0)

    def _start(self, batch: Any, callback: Callable[[Any], None], n_deaths: int) -> Any:
        def finish(result: Any) -> None:
            if isinstance(result, CancelledError):  # of dask; those of the task are wrapped
                result = self._scheduler_is_lost()
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

        if self.client.status == "closed":  # for good: `_watch` lets the task fail
            return Future()
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
            self._running.pop(batch, None)
            if self._running or not self._suspects:
                return
            suspect = self._suspects.pop(0)
            self._running[suspect[0]] = suspect[1]
        self._start(*suspect)

    async def _watch(self, running: dict[Any, Callable[[Any], None]]) -> None:
        """Let the tasks of one call fail when nothing is left that could run them."""
        last_seen = time.monotonic()
        while not self._is_over and running is self._running:
            error = None
            if self.client.status == "closed":
                error = self._scheduler_is_lost()
            elif not running or await self._has_workers():
                last_seen = time.monotonic()
            elif time.monotonic() - last_seen > self.wait_for_workers_timeout:
                error = self._has_no_workers()
            if error is not None:
                with self._lock:
                    callbacks = list(running.values())
                    running.clear()
                for callback in callbacks:
                    callback(error)
            await asyncio.sleep(_POLL_SECONDS)

    async def _has_workers(self) -> bool:
        """Ask the scheduler; while it is away, the client connects again or is closed."""
        if self.client.status != "running":
            return True
        try:
            return bool(await self.client.scheduler.ncores())
        except OSError:
            return True

    def _has_no_workers(self) -> ConnectionError:
        return ConnectionError(
            f"the dask cluster has had no workers for {self.wait_for_workers_timeout} seconds; "
            f"start workers, {_ADVICE}"
        )

    def _scheduler_is_lost(self) -> ConnectionError:
        return ConnectionError(
            "the scheduler of the dask cluster is gone, or has forgotten the tasks; start it and "
            f"its workers again, {_ADVICE}"
        )

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
