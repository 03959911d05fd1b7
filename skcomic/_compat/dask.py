"""dask: joblib's backend of its clusters, and the errors about tasks that were given up."""

from dask.sizeof import sizeof
from distributed import CancelledError
from distributed.scheduler import KilledWorker
from joblib._dask import DaskDistributedBackend

__all__ = ["CancelledError", "DaskDistributedBackend", "KilledWorker", "sizeof"]
