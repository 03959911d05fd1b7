"""TensorFlow and Keras, imported when they are needed: quietly, with this process's threads."""

import atexit
import functools
import gc
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from skcomic._compat.joblib import keep_worker_process, threads_of_dask_worker
from skcomic._compat.keras import IMPORT_MESSAGES, has_thread_setting

_THREAD_VARIABLES = {
    "TF_NUM_INTRAOP_THREADS": "intra_op",
    "TF_NUM_INTEROP_THREADS": "inter_op",
}
_FAST_KERNELS = "TF_ENABLE_ONEDNN_OPTS"

# The kernels that compute in bfloat16 are faster than those of float32 with these instructions.
_BFLOAT16 = {"amx_bf16", "avx512_bf16"}


@functools.cache
def import_keras() -> Any:
    """Import TensorFlow, Keras and scikeras, the first time that one of them is needed.

    Their messages about the build and missing GPUs are not printed, TensorFlow takes its number
    of threads from ``OMP_NUM_THREADS`` (which joblib sets in its workers, and TensorFlow ignores),
    and its fast kernels are switched on, unless the user has set those. No operation is run.

    Returns
    -------
    keras : module
        Keras; `import_tensorflow` returns TensorFlow.

    Raises
    ------
    ImportError
        If Keras is set to another backend than TensorFlow.
    """
    with filtered_stderr(), _fast_kernels(), _gc_disabled():
        import keras

        if keras.config.backend() != "tensorflow":
            raise ImportError(
                f"the networks of skcomic need Keras' backend 'tensorflow', but Keras is set to "
                f"{keras.config.backend()!r}; unset KERAS_BACKEND, or set it to tensorflow before "
                "Python is started"
            )
        import scikeras.wrappers  # noqa: F401
        import tensorflow

    _limit_threads(tensorflow)
    keep_worker_process()
    # Python would look through all objects of TensorFlow for garbage before it ends: a second for
    # this process, and before that one for the workers that it waits for.
    atexit.register(gc.freeze)
    return keras


def import_tensorflow() -> Any:
    """Import TensorFlow as `import_keras` does, and return it."""
    import_keras()
    import tensorflow

    return tensorflow


@functools.cache
def start_keras() -> Any:
    """Import Keras, and have TensorFlow look for devices and start its threads; return Keras.

    It is called before the first operation, whose messages about missing GPUs are not printed.
    """
    tensorflow = import_tensorflow()
    with filtered_stderr():
        tensorflow.config.list_logical_devices()
    return import_keras()


def has_fast_bfloat16() -> bool:
    """Return whether training in bfloat16 is faster here than in float32."""
    start_keras()
    if import_tensorflow().config.list_physical_devices("GPU"):
        return True
    cpuinfo = Path("/proc/cpuinfo")
    return cpuinfo.exists() and not _BFLOAT16.isdisjoint(cpuinfo.read_text().split())


@contextmanager
def filtered_stderr(messages: re.Pattern[bytes] = IMPORT_MESSAGES) -> Iterator[None]:
    """Hold file descriptor 2 back, and pass on afterwards what is none of some messages.

    Parameters
    ----------
    messages : pattern, default=IMPORT_MESSAGES
        Lines that have it are dropped.
    """
    try:
        real = os.dup(2)
    except OSError:  # it is closed
        yield
        return
    if sys.stderr is not None:
        sys.stderr.flush()
    with _memory_file() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            if sys.stderr is not None:
                sys.stderr.flush()
            os.dup2(real, 2)
            held.seek(0)
            for line in held:
                if not messages.search(line):
                    os.write(real, line)
            os.close(real)


def _memory_file() -> IO[bytes]:
    """Open a file that needs no folder, where the system has such."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("skcomic"), "w+b")
    return tempfile.TemporaryFile()


@contextmanager
def _fast_kernels() -> Iterator[None]:
    """Switch the kernels of oneDNN on for the import, which is when TensorFlow looks.

    They are TensorFlow's default only on processors with AVX-512 VNNI or AMX, but take 0.6 to 0.8
    of the time of its others on an AVX2 processor too (these nets, 64 pixels).
    """
    if _FAST_KERNELS in os.environ:
        yield
        return
    os.environ[_FAST_KERNELS] = "1"
    try:
        yield
    finally:
        del os.environ[_FAST_KERNELS]


@contextmanager
def _gc_disabled() -> Iterator[None]:
    """Disable garbage collection for now: there is no garbage, and it is a fifth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _limit_threads(tensorflow: Any) -> None:
    """Give TensorFlow as many threads as ``OMP_NUM_THREADS`` says, unless they are set already.

    A worker of dask that was started without that variable has a number of threads of its own.
    """
    budget = os.environ.get("OMP_NUM_THREADS", str(threads_of_dask_worker()))
    if not budget.isdigit() or int(budget) < 1:
        return
    for variable, name in _THREAD_VARIABLES.items():
        if variable in os.environ or has_thread_setting(name):
            continue
        try:
            getattr(tensorflow.config.threading, f"set_{name}_parallelism_threads")(int(budget))
        except RuntimeError:  # TensorFlow was used before skcomic: its threads are there
            return
