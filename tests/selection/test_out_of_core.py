"""Training in chunks: what comes out, which images it sees, how it ends."""

import os
import signal
import threading
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skcomic import (
    ConvNetClassifier,
    HogVectorizer,
    ImageReadError,
    ImageVectorizer,
    MirroredClassifier,
    PatchVectorizer,
    SmallNetClassifier,
    cache_info,
    fit_in_chunks,
    load_catalogue,
)
from skcomic.datasets import make_comic_faces
from skcomic.nets.backend import import_keras
from skcomic.nets.chunks import ChunkFeed
from skcomic.nets.training import shuffled_batches
from skcomic.selection import chunks as chunks_module
from skcomic.selection.chunks import cut_chunks

LABELS = np.array(["comics", "faces", "photographs"], dtype=object)


class Recorder(ClassifierMixin, BaseEstimator):
    """A user's classifier, which writes down what it is given."""

    def partial_fit(self, X, y, classes=None):
        self.calls_ = [*getattr(self, "calls_", []), (np.array(X), np.array(y))]
        self.classes_ = classes
        return self


def draw_rows(paths: Any) -> np.ndarray:
    """Rows of 8x8 pixels of paths like "17.jpg": the number, then stripes of its class."""
    numbers = np.array([int(Path(path).stem) for path in np.ravel(paths)])
    random = np.random.default_rng(0).random((64,), dtype=np.float32) / 4
    images = np.tile(random, (len(numbers), 1)).reshape(-1, 8, 8)
    images[numbers % 3 == 1, ::2] += 0.7
    images[numbers % 3 == 2, :, ::2] += 0.7
    images[:, 0, 0] = numbers / 1000
    return images.reshape(-1, 64)


def numbered(n_images: int, n_classes: int = 3) -> pd.DataFrame:
    """A catalogue for `draw_rows`, sorted by class."""
    numbers = np.array([number for number in range(10 * n_images) if number % 3 < n_classes])
    numbers = numbers[:n_images]
    table = pd.DataFrame({"path": [f"{n}.jpg" for n in numbers], "label": LABELS[numbers % 3]})
    return table.sort_values("label", kind="stable")


def pipeline_of(*steps: Any) -> Pipeline:
    return make_pipeline(FunctionTransformer(draw_rows), *steps)


def small(**parameters: Any) -> SmallNetClassifier:
    settings = {"first_pool": 1, "n_conv": 1, "filters": 4, "epochs": 5, "batch_size": 8}
    return SmallNetClassifier(**settings | {"random_state": 3} | parameters)


def report(**parameters: Any) -> ConvNetClassifier:
    settings = {"first_units": 4, "filters": 4, "epochs": 3, "batch_size": 8}
    settings |= {"learning_rate": 0.01, "random_state": 3}
    return ConvNetClassifier(**settings | parameters)


def weights_of(fitted: Pipeline) -> list[np.ndarray]:
    return fitted[-1].model_.get_weights()


def equal(some: Pipeline, others: Pipeline) -> bool:
    return all(map(np.array_equal, weights_of(some), weights_of(others)))


# One chunk


@pytest.mark.parametrize(
    ("net", "n_classes"),
    [(small(), 2), (small(class_weight="balanced"), 3), (report(), 2)],
)
def test_a_net_of_one_chunk_is_that_of_fit(net: Any, n_classes: int) -> None:
    images = numbered(45, n_classes)[:-9]  # classes of several sizes
    model = pipeline_of(StandardScaler(), net)
    whole = model.fit(images.path, images.label)
    chunked = fit_in_chunks(model, images)
    assert equal(chunked, whole)
    assert chunked[-1] is not whole[-1]
    assert chunked.classes_.tolist() == whole.classes_.tolist()
    for name in ("history_", "n_iter_", "multiply_adds_", "n_parameters_", "n_features_in_"):
        assert getattr(chunked[-1], name) == getattr(whole[-1], name), name
    assert chunked[-1].training_time_["wall_seconds"] > 0


def test_the_cycle_is_of_the_epochs_that_are_asked_for() -> None:
    images = numbered(20, 2)
    chunked = fit_in_chunks(pipeline_of(small()), images, epochs=2)
    assert equal(chunked, pipeline_of(small(epochs=2)).fit(images.path, images.label))
    assert not equal(chunked, fit_in_chunks(pipeline_of(small()), images, epochs=3))


def test_an_sgd_of_one_chunk_that_is_not_shuffled_is_that_of_partial_fit() -> None:
    images = numbered(30)
    sgd = SGDClassifier(random_state=0)
    fitted = fit_in_chunks(pipeline_of(sgd), images, epochs=3, shuffle=False)
    for _ in range(3):
        sgd.partial_fit(draw_rows(images.path), images.label, classes=LABELS)
    assert np.array_equal(fitted[-1].coef_, sgd.coef_)


# Several chunks


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("chunk_images", [1, 7, 16, 100])
def test_each_epoch_trains_on_each_image_once_with_its_own_label(
    shuffle: bool, chunk_images: int
) -> None:
    images = numbered(50)
    fitted = fit_in_chunks(
        pipeline_of(Recorder()), images, epochs=3, chunk_images=chunk_images, shuffle=shuffle
    )
    calls = fitted[-1].calls_
    n_chunks = -(-50 // chunk_images)
    assert len(calls) == 3 * n_chunks
    assert max(len(rows) for rows, _ in calls) <= chunk_images
    orders = []
    for start in range(0, len(calls), n_chunks):
        rows, labels = map(np.concatenate, zip(*calls[start : start + n_chunks], strict=True))
        numbers = np.rint(rows[:, 0] * 1000).astype(int)
        assert sorted(numbers) == list(range(50))
        assert labels.tolist() == LABELS[numbers % 3].tolist()
        assert np.array_equal(rows, draw_rows([f"{number}.jpg" for number in numbers]))
        orders.append(tuple(numbers.tolist()))
    assert len(set(orders)) == (3 if shuffle else 1)
    if not shuffle:
        assert [f"{number}.jpg" for number in orders[0]] == images.path.tolist()
    assert fitted.classes_.tolist() == LABELS.tolist()


class ReadBefore:
    """A reader that is done."""

    def wait(self, seconds: float) -> bool:
        return True


def test_batches_of_chunks_hold_each_image_once_with_its_own_target() -> None:
    """In each epoch, mirrored in those of odd numbers; what a net is trained on."""
    rows = np.arange(23 * 6, dtype=np.float32).reshape(23, 6)
    mirrored = rows.reshape(23, 2, 3)[:, :, ::-1].reshape(23, 6)
    chunks = [(rows[start : start + 8], np.arange(23)[start : start + 8]) for start in (0, 8, 16)]
    visits = iter([chunks[i] for i in (1, 0, 2, 2, 1, 0, 0, 2, 1)])
    feed = ChunkFeed(visits, [8, 8, 7], ReadBefore(), n_epochs=3, batch_size=3)
    batches = list(shuffled_batches(feed, 3, 0, mirrored_shape=(2, 3)).as_numpy_iterator())
    assert len(batches) == 27
    orders = []
    for number, (taken, order) in enumerate(batches):
        assert np.array_equal(taken, (mirrored if number // 9 == 1 else rows)[order])
        orders += order.tolist()
    epochs = [orders[i : i + 23] for i in (0, 23, 46)]
    assert [sorted(order) for order in epochs] == [list(range(23))] * 3
    assert sorted(epochs[0][:8]) == list(range(8, 16))
    assert len({tuple(number for number in order if number < 8) for order in epochs}) == 3


@given(
    codes=st.lists(st.integers(0, 3), min_size=1, max_size=60),
    chunk_images=st.integers(1, 70),
)
def test_chunks_have_their_share_of_each_class(codes: list[int], chunk_images: int) -> None:
    every = np.array(codes)
    chunks = cut_chunks(every, chunk_images, mixed=True)
    assert sorted(np.concatenate(chunks)) == list(range(len(codes)))
    sizes = [len(chunk) for chunk in chunks]
    assert max(sizes) <= chunk_images
    assert max(sizes) - min(sizes) <= 1
    for code in set(codes):
        shares = [np.sum(every[chunk] == code) for chunk in chunks]
        expected = np.array(sizes) * np.mean(every == code)
        assert np.abs(shares - expected).max() <= 4  # one for each class


def test_the_history_is_of_epochs_and_the_cost_of_all_images() -> None:
    images = numbered(50, 2)
    whole = pipeline_of(report()).fit(images.path, images.label)
    net = fit_in_chunks(pipeline_of(report()), images, chunk_images=12, random_state=0)[-1]
    assert net.n_iter_ == 3
    assert {name: len(values) for name, values in net.history_.items()} == {
        "loss": 3, "precision": 3, "recall": 3,
    }  # fmt: skip
    assert net.multiply_adds_ == whole[-1].multiply_adds_


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    folder = tmp_path_factory.mktemp("drawn")
    make_comic_faces(60, size=32, out_dir=folder, random_state=1)
    return load_catalogue(folder)


@pytest.mark.slow
def test_several_chunks_learn_as_much_as_fit(drawn: pd.DataFrame, tmp_path: Path) -> None:
    train, test = drawn[drawn.index % 3 > 0], drawn[drawn.index % 3 == 0]
    time.sleep(0.2)  # rasters of files that were just written are not stored
    vectorizer = ImageVectorizer(24, cache=tmp_path)
    sgd = SGDClassifier(loss="log_loss", alpha=0.01, random_state=0)
    for steps in (
        [SmallNetClassifier(n_conv=1, batch_size=8, random_state=0)],
        [PatchVectorizer(n_filters=16, random_state=0), make_pipeline(StandardScaler(), sgd)],
    ):
        model = make_pipeline(vectorizer, *steps)
        whole = model.fit(train.path, train.label).score(test.path, test.label)
        chunked = fit_in_chunks(model, train, chunk_images=30, random_state=0)
        assert chunked.score(test.path, test.label) > max(whole - 0.1, 0.8)
        assert chunked.predict_proba(test.path[:3]).shape == (3, 2)
    assert cache_info(tmp_path)["decodes"] == len(drawn)


@pytest.mark.parametrize(
    "steps",
    [
        [StandardScaler(), SGDClassifier(loss="log_loss", random_state=0)],
        ["passthrough", MirroredClassifier(SGDClassifier(random_state=0))],
    ],
)
def test_other_steps_learn(steps: list[Any]) -> None:
    images = numbered(50)
    fitted = fit_in_chunks(pipeline_of(*steps), images, chunk_images=20, random_state=0)
    assert fitted.score(images.path, images.label) == 1


def test_transformers_learn_from_all_chunks_or_the_first() -> None:
    images = numbered(60)
    model = pipeline_of(
        PatchVectorizer(n_filters=4, patch_size=3, grid=1, random_state=0),
        StandardScaler(),
        SGDClassifier(random_state=0),
    )
    fitted = fit_in_chunks(model, images, epochs=3, chunk_images=20, shuffle=False)
    alone = PatchVectorizer(n_filters=4, patch_size=3, grid=1, random_state=0)
    alone.fit(draw_rows(images.path[:20]))
    assert np.array_equal(fitted[1].filters_, alone.filters_)
    features = alone.transform(draw_rows(images.path))
    assert fitted[2].n_samples_seen_ == 60
    assert fitted[2].mean_ == pytest.approx(features.mean(axis=0), rel=1e-4)


def test_seeds_decide_and_the_number_of_threads_does_not(drawn: pd.DataFrame) -> None:
    def fit(seed: int, n_jobs: int, net_seed: int = 3) -> Pipeline:
        model = make_pipeline(
            ImageVectorizer(16, n_jobs=n_jobs), small(epochs=2, random_state=net_seed)
        )
        return fit_in_chunks(model, drawn, chunk_images=50, random_state=seed)

    first = fit(0, 1)
    assert equal(first, fit(0, 1))
    assert equal(first, fit(0, 3))
    assert not equal(first, fit(1, 1))
    assert not equal(first, fit(0, 1, net_seed=4))


class EpochLog(import_keras().callbacks.Callback):
    """What a net is like at the beginning and the end of each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.epochs: list[int] = []
        self.rates: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.epochs.append(epoch)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.rates.append(float(self.model.optimizer.learning_rate))


def test_a_cycle_and_callbacks_are_of_epochs_not_of_chunks() -> None:
    images = numbered(40, 2)
    model = pipeline_of(small(callbacks=[EpochLog()]))
    one, several = (
        fit_in_chunks(model, images, chunk_images=chunk_images)[-1].callbacks[0]
        for chunk_images in (40, 15)
    )
    assert one.epochs == several.epochs == [0, 1, 2, 3, 4]
    assert one.rates == several.rates
    assert len(set(one.rates)) == 5


# Memory


def draw_wide_rows(paths: Any) -> np.ndarray:
    return np.tile(draw_rows(paths), 16)


def test_memory_does_not_grow_with_the_number_of_images() -> None:
    peaks = []
    for n_images in (4_000, 20_000):
        images = numbered(n_images)
        model = make_pipeline(FunctionTransformer(draw_wide_rows), SGDClassifier(random_state=0))
        tracemalloc.start()
        fit_in_chunks(model, images, epochs=1, chunk_images=1_000)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    chunk = 1_000 * 1024 * 4
    assert max(peaks) < 6 * chunk  # all rows are 20 chunks


# The end


def make_models(first: Any) -> list[Pipeline]:
    return [make_pipeline(first, last) for last in (small(), SGDClassifier(random_state=0))]


@pytest.mark.parametrize("shuffle", [True, False])
def test_a_bad_image_is_named_and_no_thread_is_left(drawn: pd.DataFrame, shuffle: bool) -> None:
    images = drawn.copy()
    images.loc[images.index[-1], "path"] = "nowhere.jpg"
    n_threads = threading.active_count()
    for model in make_models(ImageVectorizer(16)):
        with pytest.raises(ImageReadError, match=r"nowhere\.jpg: no such file"):
            fit_in_chunks(model, images, chunk_images=50, shuffle=shuffle, random_state=0)
    assert threading.active_count() == n_threads


def test_rows_of_nan_are_refused_in_later_chunks_too() -> None:
    images = numbered(50)
    late = {images.path.iloc[-1]}

    def read(paths: Any) -> np.ndarray:
        rows = draw_rows(paths)
        rows[[path in late for path in paths]] = np.nan
        return rows

    for model in make_models(FunctionTransformer(read)):
        with pytest.raises(ValueError, match="Input X contains NaN"):
            fit_in_chunks(model, images, chunk_images=20, shuffle=False)


@pytest.mark.parametrize(("last", "seconds"), [(small(), 4), (SGDClassifier(random_state=0), 0.5)])
def test_ctrl_c_ends_at_once_and_leaves_no_thread(
    last: Any, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also a net, which has been compiled after 4 s, and then waits for its second chunk."""
    monkeypatch.setattr(chunks_module, "_PIECE", 2)
    images = numbered(4_000)
    first_chunk = set(images.path[:40])
    interrupts: list[float] = []

    def read(paths: Any) -> np.ndarray:
        if not first_chunk.issuperset(paths):
            if not interrupts:
                interrupts.append(time.monotonic() + seconds)
                threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT)).start()
            time.sleep(0.5)  # the chunk takes ten seconds
        return draw_rows(paths)

    n_threads = threading.active_count()
    model = make_pipeline(FunctionTransformer(read), last)
    # What a shell starts in the background ignores it.
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            fit_in_chunks(model, images, chunk_images=40, shuffle=False)
    finally:
        signal.signal(signal.SIGINT, handler)
    assert time.monotonic() - interrupts[0] < 3
    assert threading.active_count() == n_threads


# What cannot be


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (
            [LogisticRegression()],
            r"step 'logisticregression', LogisticRegression, cannot be trained in chunks: it has "
            r'no partial_fit; use SGDClassifier\(loss="log_loss"\) or a SmallNetClassifier',
        ),
        (
            [HogVectorizer(), make_pipeline(StandardScaler(), LogisticRegression())],
            "step 'pipeline__logisticregression', LogisticRegression",
        ),
        ([MirroredClassifier(LogisticRegression())], "MirroredClassifier, cannot be trained"),
        ([], "needs a Pipeline whose first step .* not FunctionTransformer"),
    ],
)
def test_steps_that_cannot_be_trained_in_chunks_are_refused(steps: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        fit_in_chunks(pipeline_of(*steps), numbered(9))


@pytest.mark.parametrize(
    ("estimator", "arguments", "message"),
    [
        (pipeline_of(small(early_stopping=True)), {}, "set early_stopping=False"),
        (pipeline_of(small(max_seconds=-1)), {}, "'max_seconds' parameter"),
        (pipeline_of(small()), {"chunk_images": 0}, "chunk_images must be 1 or more, not 0"),
        (pipeline_of(small()), {"epochs": 0}, "epochs must be 1 or more, not 0"),
    ],
)
def test_what_cannot_be(estimator: Any, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_in_chunks(estimator, numbered(9), **arguments)


def test_the_first_step_must_not_learn() -> None:
    with pytest.raises(TypeError, match="not StandardScaler"):
        fit_in_chunks(make_pipeline(StandardScaler(), small()), numbered(9))
    with pytest.raises(TypeError, match="not SmallNetClassifier"):
        fit_in_chunks(small(), numbered(9))


def test_too_long_a_training_is_stopped_between_chunks() -> None:
    def read(paths: Any) -> np.ndarray:
        time.sleep(0.1)
        return draw_rows(paths)

    model = make_pipeline(FunctionTransformer(read), small(max_seconds=0.5, epochs=20))
    with pytest.raises(TimeoutError, match="training took longer than"):
        fit_in_chunks(model, numbered(60), chunk_images=20)
