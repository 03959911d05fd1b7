"""Fits that are kept: what is taken up, what is not, and what is lost when a process dies."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone

import skcomic.nets.callbacks
from skcomic.nets.backend import import_keras
from skcomic.nets.checkpoints import FitStore, TrainingState, count_finished

keras = import_keras()


class Epochs(keras.callbacks.Callback):
    """Counts the epochs that are trained, and dies at the end of one of them."""

    def __init__(self, fatal: int | None = None) -> None:
        super().__init__()
        self.fatal = fatal
        self.trained: list[int] = []

    def on_epoch_begin(self, epoch: int, logs=None) -> None:
        if epoch == self.fatal:
            raise Killed
        self.trained.append(epoch)


class Killed(BaseException):
    pass


def trained_by(net, rows, labels, **fit) -> list[int]:
    """Fit, and return which epochs were trained for that."""
    watch = Epochs()
    net.set_params(callbacks=[watch]).fit(rows, labels, **fit)
    return net.callbacks[0].trained


def is_restored(net, rows, labels, **fit) -> bool:
    """Fit, and return whether the finished fit was restored without training an epoch."""
    epochs = trained_by(net, rows, labels, **fit)
    assert net.n_iter_ == len(net.history_["loss"])
    assert epochs in ([], [*range(net.n_iter_)])
    return not epochs


# What is taken up


def test_a_finished_fit_is_restored(stripes, small_net, fingerprint, tmp_path: Path) -> None:
    rows, labels = stripes
    first, again, plain = (small_net(epochs=3, checkpoint_dir=tmp_path / "a/b") for _ in range(3))
    assert trained_by(first, rows, labels) == [0, 1, 2]
    assert trained_by(again, rows, labels) == []
    assert count_finished(tmp_path / "a/b") == 1
    for name in ("history_", "n_iter_", "training_time_", "multiply_adds_", "n_parameters_"):
        assert getattr(again, name) == getattr(first, name), name
    assert fingerprint(again) == fingerprint(first)
    assert fingerprint(plain.set_params(checkpoint_dir=None).fit(rows, labels)) == fingerprint(
        first
    )
    np.testing.assert_array_equal(again.predict_proba(rows), first.predict_proba(rows))
    # The optimizer too: training goes on as if it had never stopped.
    for net in (first, again):
        net.partial_fit(rows, labels)
    assert fingerprint(again) == fingerprint(first)
    assert count_finished(tmp_path / "a/b") == 1


@pytest.fixture(scope="module")
def kept(stripes, small_net, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one fit of one epoch, which no test may change."""
    folder = tmp_path_factory.mktemp("kept")
    small_net(epochs=1, checkpoint_dir=folder).fit(*stripes)
    return folder


@pytest.mark.parametrize(
    "change",
    [
        {"random_state": 1}, {"learning_rate": 0.021}, {"batch_size": 11}, {"epochs": 2},
        {"pooling": "average"}, {"precision": "mixed_bfloat16"}, {"class_weight": {"across": 2}},
        {"early_stopping": True}, "rows", "labels", "order", "sample_weight", "version",
    ],
    ids=str,
)  # fmt: skip
def test_another_fit_is_never_taken_up(
    change, stripes, small_net, kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, labels = stripes
    shutil.copytree(kept, tmp_path, dirs_exist_ok=True)
    net, weight = small_net(epochs=1, checkpoint_dir=tmp_path), None
    assert is_restored(clone(net), rows, labels)
    if isinstance(change, dict):
        net.set_params(**change)
    elif change == "rows":
        rows = rows.copy()
        rows[17, 3] = np.nextafter(rows[17, 3], 1)
    elif change == "labels":
        labels = np.where(np.arange(60) == 5, "across", labels)
        assert (labels != stripes[1]).sum() == 1
    elif change == "order":
        rows, labels = rows[::-1], labels[::-1]
    elif change == "sample_weight":
        weight = np.linspace(1, 2, 60)
    elif change == "version":
        monkeypatch.setattr("skcomic.nets.checkpoints.version", lambda _: "99.0")
    assert not is_restored(net, rows, labels, sample_weight=weight)
    assert count_finished(tmp_path) == 2


def test_what_decides_nothing_is_no_part_of_the_key(stripes, small_net, kept: Path) -> None:
    rows, labels = stripes
    same = small_net(
        epochs=np.int64(1), checkpoint_dir=str(kept), verbose=0, max_seconds=60,
        random_state=np.int64(0), callbacks=[Epochs()],
    )  # fmt: skip
    assert is_restored(same, np.asfortranarray(rows, dtype=float), labels.astype(object))


def test_the_held_out_images_are_part_of_the_key(stripes, small_net, tmp_path: Path) -> None:
    net = small_net(epochs=1, early_stopping=True, validation_fraction=0.25,
                    checkpoint_dir=tmp_path)  # fmt: skip
    for groups in (np.arange(60) // 2, np.arange(60) // 3):
        assert not is_restored(clone(net), *stripes, groups=groups)
        assert is_restored(clone(net), *stripes, groups=groups)


def test_a_generator_is_keyed_by_what_it_draws(stripes, small_net, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="checkpoint_dir requires a random_state"):
        small_net(random_state=None, checkpoint_dir=tmp_path).fit(*stripes)
    net = small_net(epochs=1, checkpoint_dir=tmp_path, random_state=np.random.default_rng(0))
    assert not is_restored(net, *stripes)
    assert not is_restored(net, *stripes)  # it goes on with another seed
    net.set_params(random_state=np.random.default_rng(0))
    assert is_restored(net, *stripes)


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty", "of another fit"])
def test_a_damaged_fit_is_trained_anew(
    damage: str, stripes, small_net, kept: Path, tmp_path: Path
) -> None:
    (file,) = kept.iterdir()
    content = bytearray(file.read_bytes())
    net = small_net(epochs=1, checkpoint_dir=tmp_path)
    if damage == "flipped":
        content[len(content) // 2] ^= 1
    elif damage == "of another fit":
        net.set_params(random_state=1)
    else:
        del content[{"cut": len(content) // 2, "empty": 0}[damage] :]
    assert not is_restored(clone(net), *stripes)
    (copy,) = tmp_path.iterdir()
    copy.write_bytes(content)
    assert not is_restored(clone(net), *stripes)
    assert copy.read_bytes() != content
    assert is_restored(net, *stripes)


def test_a_full_disk_costs_no_fit(
    stripes, small_net, fingerprint, tmp_path: Path, largest_file, monkeypatch
) -> None:
    monkeypatch.setattr(skcomic.nets.callbacks, "BACKUP_SECONDS", 0)
    plain = small_net(epochs=4).fit(*stripes)
    net = small_net(epochs=4, checkpoint_dir=tmp_path)
    with largest_file(1000), pytest.warns(UserWarning, match="kept for later") as warned:
        net.fit(*stripes)
    (warning,) = [each for each in warned if each.category is UserWarning]  # though kept 4 times
    assert f"cannot write it: File too large: '{tmp_path}" in str(warning.message)
    assert fingerprint(net) == fingerprint(plain)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    net = small_net(epochs=1, checkpoint_dir=tmp_path / "file")
    with pytest.warns(UserWarning, match=r"a fit cannot be kept for later .*file"):
        net.fit(*stripes)


def test_store_gives_back_what_it_was_given(tmp_path: Path) -> None:
    store = FitStore(tmp_path, "key")
    state = TrainingState(
        {"some": [np.arange(i, dtype=np.float32) for i in range(12)], "none": []},
        {"history": {"loss": [0.1, float("nan"), 1e-30]}, "wait": 3, "best": None},
    )
    store.save_finished(state)
    back = store.finished()
    assert store.unfinished() is None
    assert {name: len(arrays) for name, arrays in back.arrays.items()} == {"some": 12, "none": 0}
    for one, other in zip(back.arrays["some"], state.arrays["some"], strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype
    assert repr(back.numbers) == repr(state.numbers)


# Long fits


@pytest.mark.slow
def test_a_killed_fit_goes_on_from_the_last_epoch(
    stripes, small_net, fingerprint, tmp_path: Path, monkeypatch
) -> None:
    rows, labels = stripes
    # A step so large that the loss on the images held out soon gets worse.
    wishes = {"early_stopping": True, "validation_fraction": 0.3, "n_iter_no_change": 3}
    wishes |= {"epochs": 40, "learning_rate": 0.6}
    whole = small_net(**wishes).fit(rows, labels)
    n_epochs = whole.n_iter_
    assert 4 < n_epochs < 40

    monkeypatch.setattr(skcomic.nets.callbacks, "BACKUP_SECONDS", 0)
    seconds, done = [], 0
    kept = small_net(**wishes, checkpoint_dir=tmp_path)
    for fatal in (2, n_epochs - 1):
        part = clone(kept).set_params(callbacks=[Epochs(fatal)])
        with pytest.raises(Killed):
            part.fit(rows, labels)
        assert part.callbacks[0].trained == [*range(done, fatal)]
        done = fatal
        (file,) = tmp_path.iterdir()
        assert file.suffix == ".part"
        state = FitStore(tmp_path, file.stem).unfinished()
        seconds.append(state.numbers["training_time_"]["wall_seconds"])
        assert state.numbers["n_iter_"] == fatal
    last = clone(kept)
    assert trained_by(last, rows, labels) == [n_epochs - 1]
    assert fingerprint(last) == fingerprint(whole)
    assert last.history_ == whole.history_
    assert last.n_iter_ == n_epochs
    assert last.multiply_adds_ == whole.multiply_adds_
    seconds.append(last.training_time_["wall_seconds"])
    assert seconds == sorted(seconds)  # the times add up
    assert [file.suffix for file in tmp_path.iterdir()] == [".fit"]


def test_backups_are_seconds_apart(stripes, small_net, tmp_path: Path, monkeypatch) -> None:
    kept = []
    monkeypatch.setattr(
        FitStore, "save_unfinished", lambda self, state: kept.append(state.numbers["n_iter_"])
    )
    net = small_net(epochs=4, checkpoint_dir=tmp_path)
    clone(net).fit(*stripes)
    assert kept == []  # so short a fit is kept as a whole only
    monkeypatch.setattr(skcomic.nets.callbacks, "BACKUP_SECONDS", 0)
    net.set_params(random_state=1).fit(*stripes)
    assert kept == [1, 2, 3]


# Fits that take too long


def test_a_fit_that_takes_too_long_ends(stripes, small_net, tmp_path: Path, monkeypatch) -> None:
    rows, labels = stripes
    assert small_net(epochs=1, max_seconds=60).fit(rows, labels).n_iter_ == 1
    monkeypatch.setattr(skcomic.nets.callbacks, "BACKUP_SECONDS", 0)
    net = small_net(epochs=100_000, max_seconds=2.5, checkpoint_dir=tmp_path)
    with pytest.raises(TimeoutError, match=r"longer than 2\.5 s; .* in epoch \d+ of 100000"):
        clone(net).fit(rows, labels)
    # What was trained before the process was killed counts.
    (file,) = tmp_path.iterdir()
    before = FitStore(tmp_path, file.stem).unfinished().numbers["n_iter_"]
    with pytest.raises(TimeoutError):
        net.fit(rows, labels)
    after = FitStore(tmp_path, file.stem).unfinished().numbers["n_iter_"]
    assert before <= after < before * 1.5 + 20
    assert [*tmp_path.iterdir()] == [file]
