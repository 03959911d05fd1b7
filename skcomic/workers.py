"""The processes that nets are trained in, started before they are wanted."""

import threading

from joblib import Parallel, delayed, effective_n_jobs


def start_workers(n_jobs: int = -1) -> threading.Thread:
    """Have joblib's worker processes import TensorFlow while this process does other things.

    A search starts its workers when it begins, and each takes some three seconds to import
    TensorFlow, as this process does before. Called first of all, this function lets them do so
    at the same time. The workers are those that a later search with as many jobs finds.

    Parameters
    ----------
    n_jobs : int, default=-1
        Number of workers; -1 is one on each core. With 1 there are none.

    Returns
    -------
    starting : threading.Thread
        Ends when all workers are ready. There is no need to wait for it.

    Examples
    --------
    >>> from skcomic import start_workers
    >>> start_workers(n_jobs=1).join()
    """
    # Made here, not in the thread: the settings of joblib.parallel_config are those of a thread.
    workers = Parallel(n_jobs=n_jobs)
    n_workers = effective_n_jobs(n_jobs)
    one_each = [delayed(_import_classifier)()] * (n_workers if n_workers > 1 else 0)
    starting = threading.Thread(
        target=workers, args=(one_each,), name="skcomic-start", daemon=True
    )
    starting.start()
    return starting


def _import_classifier() -> None:
    import skcomic.classifier  # noqa: F401
