"""The dask cluster that ``skcomic study --dask`` runs its fits on."""

import logging
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from skcomic.cli._app import check_option

if TYPE_CHECKING:
    from distributed import Client

#: As the address of a scheduler: a cluster of processes on this machine.
LOCAL = "local"

Dask = Annotated[
    str | None,
    typer.Option(
        metavar="local|ADDRESS",
        help="Run the fits on a dask cluster: that of the scheduler at this address, such as "
        "tcp://host:8786, or 'local', of as many processes as --jobs says.",
    ),
]

_CONNECT_SECONDS = 5
# A worker that is being started again after so many seconds, or dies then, would be given up.
_KEEP_PROCESSES = "distributed.deploy.lost-worker-timeout"
# Ctrl-C on a terminal is sent to the workers too; the parent ends them when it is interrupted.
_IGNORE_INTERRUPTS = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"


def check_dask(dask: str | None) -> None:
    """Refuse a value of ``--dask`` that cannot be a cluster, without importing dask."""
    is_valid = dask is None or dask == LOCAL or re.fullmatch(r"[a-z]+://.+:\d+", dask) is not None
    rule = f"{LOCAL!r} or the address of a scheduler, such as tcp://host:8786"
    check_option("--dask", dask, is_valid, rule)


@contextmanager
def dask_client(address: str | None, n_workers: int) -> "Iterator[Client | None]":
    """Connect to a dask cluster, or start one that ends with the context.

    Parameters
    ----------
    address : str or None
        "local", the address of a scheduler, or None for no cluster.
    n_workers : int
        Processes of a local cluster, of one thread each.

    Yields
    ------
    client : Client or None
        The client.

    Raises
    ------
    ImportError
        If dask is not installed.
    OSError
        If there is no scheduler at the address.
    """
    if address is None:
        yield None
        return
    try:
        import dask.config
        from distributed import Client, LocalCluster
        from distributed.utils import silence_logging_cmgr
    except ImportError as error:
        raise ImportError(
            f'--dask needs dask: pip install "skcomic[distributed]" ({error})'
        ) from error
    with ExitStack() as stack:
        # Of a scheduler that is lost the study says what there is to say.
        stack.enter_context(silence_logging_cmgr(logging.CRITICAL))
        cluster: str | LocalCluster = address
        if address == LOCAL:
            variables = set(os.environ)
            stack.enter_context(dask.config.set({_KEEP_PROCESSES: "1 day"}))
            cluster = LocalCluster(
                n_workers=n_workers,
                threads_per_worker=1,
                processes=True,
                dashboard_address=":0",  # of another port than another study's; there is none
                memory_limit=0,  # as joblib's own workers; a study that is too large is refused
                silence_logs=logging.CRITICAL,
                # `ClusterBackend` tries tasks again, too.
                scheduler_kwargs={"dashboard": False, "allowed_failures": 0},
                preload=_IGNORE_INTERRUPTS,
            )
            stack.enter_context(cluster)
            # dask gives the variables about threads of its workers to this process too.
            for name in set(os.environ) - variables:
                del os.environ[name]
        try:
            client = Client(cluster, timeout=_CONNECT_SECONDS)
        except OSError as error:
            raise OSError(
                f"--dask: there is no scheduler at {address!r}; start one with: dask scheduler"
            ) from error
        yield stack.enter_context(client)
