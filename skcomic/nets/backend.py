"""TensorFlow, imported quietly, with the thread budget of this process and its fast kernels.

Import Keras and scikeras from here, nowhere else: what is set up below has no
effect any more once TensorFlow has been imported by another way.
"""

import atexit
import gc
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# What TensorFlow 2.18 to 2.21 write to file descriptor 2 while it is imported, whatever its
# variables for the log level say: that there is no GPU, and how its build was optimised.
_IMPORT_MESSAGES = re.compile(
    rb"before absl::InitializeLog|cudart_stub|cuda_platform|cpu_feature_guard|"
    rb"To enable the following instructions|oneDNN custom operations|"
    rb"computation_placer|failed call to cuInit|Unable to register cu|TF-TRT Warning|"
    rb"rebuild TensorFlow with"
)

# What TensorFlow looks at until its first operation, and only then.
_THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
_FAST_KERNELS = "TF_ENABLE_ONEDNN_OPTS"


@contextmanager
def _filtered_stderr() -> Iterator[None]:
    sys.stderr.flush()
    real = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(real, 2)
            held.seek(0)
            for line in held:
                if not _IMPORT_MESSAGES.search(line):
                    os.write(real, line)
            os.close(real)


@contextmanager
def _import_environment() -> Iterator[None]:
    """Set what the user has not set, for as long as it is looked at."""
    # oneDNN's kernels are TensorFlow's default only on processors with AVX-512 VNNI or AMX, but
    # take 0.6 to 0.8 of the time of its others on an AVX2 processor too (these nets, 64 pixels).
    settings = {_FAST_KERNELS: "1"}
    # joblib's workers are told their share of the cores by this name, which TensorFlow ignores.
    if budget := os.environ.get("OMP_NUM_THREADS"):
        settings |= dict.fromkeys(_THREADS, budget)
    unset = [name for name in settings if name not in os.environ]
    os.environ.update({name: settings[name] for name in unset})
    try:
        yield
    finally:
        for name in unset:
            del os.environ[name]


@contextmanager
def _gc_disabled() -> Iterator[None]:
    """Let Python not look for garbage for now: there is none, and that is a fifth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


with _filtered_stderr(), _import_environment(), _gc_disabled():
    import tensorflow

    tensorflow.random.uniform(())  # the first operation reads the number of threads

    import keras
    from scikeras.utils.random_state import tf_get_seed, tf_set_seed
    from scikeras.wrappers import KerasClassifier

# Python would look through all that TensorFlow is made of for garbage before it ends: a second for
# this process, and before that one for the workers that it waits for.
atexit.register(gc.freeze)

# The kernels that compute in bfloat16 are faster than those of float32 with these instructions.
_BFLOAT16 = {"amx_bf16", "avx512_bf16"}


def has_fast_bfloat16() -> bool:
    """Tell whether training in bfloat16 is faster here than in float32."""
    if tensorflow.config.list_physical_devices("GPU"):
        return True
    cpuinfo = Path("/proc/cpuinfo")
    return cpuinfo.exists() and not _BFLOAT16.isdisjoint(cpuinfo.read_text().split())


__all__ = [
    "KerasClassifier",
    "has_fast_bfloat16",
    "keras",
    "tensorflow",
    "tf_get_seed",
    "tf_set_seed",
]
