"""dask: joblib's backend of its clusters, and the error about workers that died."""

from dask.sizeof import sizeof
from distributed.scheduler import KilledWorker
from joblib._dask import DaskDistributedBackend

__all__ = ["DaskDistributedBackend", "KilledWorker", "sizeof"]
