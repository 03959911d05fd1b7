"""The processes that nets are trained in, started before they are needed."""

import os

from joblib import Parallel, delayed, effective_n_jobs

from skcomic.nets.supervision import end_with_parent


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
