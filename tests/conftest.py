"""Small real images for all tests; the real pairs where the environment names them."""

import os
import resource
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from skcomic import load_catalogue
from skcomic.datasets import make_comic_faces

if TYPE_CHECKING:
    from stores import S3

    from skcomic import ConvNetClassifier

mpl.use("Agg")
# How long an example takes depends on the machine, not on the code.
hypothesis.settings.register_profile("skcomic", deadline=None)
hypothesis.settings.load_profile("skcomic")

REAL_DATA = "SKCOMIC_REAL_DATA"

# The folders whose tests take longest run first, so that processes side by side end together.
LONGEST = ("study", "cli", "nets", "selection")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; the order within a file stays."""

    def place(item: pytest.Item) -> int:
        folder = item.path.relative_to(Path(__file__).parent).parts[0]
        return LONGEST.index(folder) if folder in LONGEST else len(LONGEST)

    items.sort(key=place)


@pytest.fixture(autouse=True)
def close_figures() -> Iterator[None]:
    """Close what a test drew: pyplot keeps figures and warns of more than twenty."""
    yield
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close("all")


@pytest.fixture(scope="session")
def faces_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty-four drawn pairs of 48 pixels, in a folder that no test may change."""
    folder = tmp_path_factory.mktemp("faces")
    make_comic_faces(24, size=48, out_dir=folder, random_state=0)
    return folder


@pytest.fixture(scope="session")
def faces(faces_dir: Path) -> pd.DataFrame:
    """The catalogue of `faces_dir`."""
    return load_catalogue(faces_dir)


@pytest.fixture(scope="session")
def _s3_server() -> Iterator["S3"]:
    from stores import s3_server  # not at the top: it imports moto

    with s3_server() as server:
        yield server


@pytest.fixture
def s3(_s3_server: "S3", monkeypatch: pytest.MonkeyPatch) -> "S3":
    """Point to a server of S3 with an empty bucket of the name bucket."""
    for name, value in _s3_server.environment.items():
        monkeypatch.setenv(name, value)
    _s3_server.reset()  # of what other servers of this process store, too
    _s3_server.files().mkdir("bucket")
    _s3_server.requests.clear()
    return _s3_server


@pytest.fixture(scope="session")
def real_dir() -> Path:
    """The folder of real pairs; the test is skipped where there is none."""
    if not os.environ.get(REAL_DATA):
        pytest.skip(f"needs real pairs: set {REAL_DATA} to a folder with faces/ and comics/")
    return Path(os.environ[REAL_DATA])


@pytest.fixture(scope="session")
def stripes() -> tuple[np.ndarray, np.ndarray]:
    """Rows of 8x8 pixels with stripes that run across or down: learnt in a second."""
    random = np.random.default_rng(0)
    images = random.random((60, 8, 8), dtype=np.float32) / 4
    labels = np.repeat(["across", "down"], 30)
    images[:30, ::2] += 0.7
    images[30:, :, ::2] += 0.7
    order = random.permutation(60)
    return images.reshape(60, 64)[order], labels[order]


@pytest.fixture(scope="session")
def small_net() -> Callable[..., "ConvNetClassifier"]:
    """Make a net that learns `stripes` in 12 epochs, or another by other parameters."""
    from skcomic import ConvNetClassifier  # not at the top: it imports TensorFlow

    def make(**parameters: Any) -> ConvNetClassifier:
        settings = {"first_units": 4, "filters": 4, "epochs": 12, "batch_size": 10}
        settings |= {"learning_rate": 0.02, "random_state": 0}
        return ConvNetClassifier(**settings | parameters)

    return make


@pytest.fixture(scope="session")
def fingerprint() -> Callable[["ConvNetClassifier"], str]:
    """Hash the weights of a fitted net: equal for bit-equal weights."""

    def of(net: "ConvNetClassifier") -> str:
        weights = net.model_.get_weights()
        return sha256(b"".join(weight.tobytes() for weight in weights)).hexdigest()

    return of


@pytest.fixture
def largest_file() -> Callable[[int], AbstractContextManager[None]]:
    """Refuse files of more than so many bytes: the nearest to a full disk without being root."""

    @contextmanager
    def limit(n_bytes: int) -> Iterator[None]:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limit


@pytest.fixture(autouse=True)
def _environment_is_left_alone() -> Iterator[None]:
    before = dict(os.environ)
    had_tensorflow = "tensorflow" in sys.modules
    yield
    after = dict(os.environ)
    del after["PYTEST_CURRENT_TEST"], before["PYTEST_CURRENT_TEST"]
    if not had_tensorflow and "tensorflow" in sys.modules:
        after = {name: value for name, value in after.items() if name in before}  # it adds some
    assert after == before
