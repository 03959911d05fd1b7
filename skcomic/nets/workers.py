"""The processes that nets are trained in: started early, and ended with their parent."""

import os
import threading
import time

from joblib import Parallel, delayed, effective_n_jobs

_POLL_SECONDS = 0.1
_watched_parents: set[int] = set()


def start_workers(n_jobs: int = -1) -> None:
    """Import TensorFlow in joblib's worker processes and in this one, at the same time.

    A search starts its workers when it begins, and each of them takes some three seconds to
    import TensorFlow, as this process did before. Called first of all, this function has them
    do so side by side. A later search with as many jobs uses the same workers.

    Parameters
    ----------
    n_jobs : int, default=-1
        Number of workers; -1 is one on each core. With 1 none is started.

    Examples
    --------
    >>> from skcomic import start_workers
    >>> start_workers(n_jobs=1)
    """
    n_workers = effective_n_jobs(n_jobs)
    # A generator, since that leaves this process free while they work. All is over when this
    # function returns: joblib does not let two calls share its workers.
    ready = Parallel(n_jobs=n_jobs, return_as="generator")(
        [delayed(_import_classifier)(os.getpid())] * (n_workers if n_workers > 1 else 0)
    )
    _import_classifier(os.getpid())
    for _ in ready:
        pass


def _import_classifier(parent: int) -> None:
    end_with_parent(parent)
    import skcomic.nets.convnet  # noqa: F401


def end_with_parent(parent: int) -> None:
    """End this worker process when its parent ends, however that ends.

    joblib's workers wait for more tasks for minutes, and what they compute is lost.

    Parameters
    ----------
    parent : int
        The process that waits for tasks. Nothing is done unless it is the one that started this.
    """
    if parent != os.getppid() or parent in _watched_parents:
        return
    _watched_parents.add(parent)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_POLL_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="skcomic-parent", daemon=True).start()
