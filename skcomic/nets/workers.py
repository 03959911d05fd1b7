"""The processes that nets are trained in, made ready before they are wanted."""

from joblib import Parallel, delayed, effective_n_jobs


def start_workers(n_jobs: int = -1) -> None:
    """Import TensorFlow in joblib's worker processes and in this one, at the same time.

    A search starts its workers when it begins, and each of them takes some three seconds to
    import TensorFlow, as this process did before. Called first of all, this function has them
    do so side by side. The workers are those that a later search with as many jobs finds.

    Parameters
    ----------
    n_jobs : int, default=-1
        Number of workers; -1 is one on each core. With 1 there are none.

    Examples
    --------
    >>> from skcomic import start_workers
    >>> start_workers(n_jobs=1)
    """
    n_workers = effective_n_jobs(n_jobs)
    # A generator, since that leaves this process free while they work. All is over when this
    # function returns: joblib does not let two calls share its workers.
    ready = Parallel(n_jobs=n_jobs, return_as="generator")(
        [delayed(_import_classifier)()] * (n_workers if n_workers > 1 else 0)
    )
    _import_classifier()
    for _ in ready:
        pass


def _import_classifier() -> None:
    import skcomic.nets.convnet  # noqa: F401
