"""Fits kept on disk: finished ones, and how far the others have come.

A fit is known by all that decides its outcome: so an old one is never taken for another. Each
is one file, which holds arrays and numbers only, with a checksum over it all.
"""

import io
import json
import warnings
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from skcomic._files import write_file
from skcomic._version import __version__
from skcomic.images.decoding import PathLike

_FORMAT = 1
_FINISHED, _UNFINISHED = ".fit", ".part"
#: What was measured of a fit is kept under this suffix.
EVALUATION = ".evaluation"
_NUMBERS = "numbers"


@dataclass
class TrainingState:
    """What training has made of a network.

    Parameters
    ----------
    arrays : dict of str to list of ndarray
        Such as the weights of the network and the variables of the optimizer.
    numbers : dict of str to plain data
        Such as the history and the times; as JSON can hold it.
    """

    arrays: dict[str, list[np.ndarray]]
    numbers: dict[str, Any]


def fit_key(settings: Mapping[str, Any], arrays: Iterable[np.ndarray | None]) -> str:
    """Name a fit by all that decides its outcome.

    The number of threads, which changes the last digits of the weights, is not part of it: a
    search that is resumed with more or fewer workers keeps what is finished.

    Parameters
    ----------
    settings : mapping of str to object
        Parameters and the seed.
    arrays : iterable of ndarray or None
        Rows, labels and weights, in an order that is always the same.

    Returns
    -------
    key : str
        64 hexadecimal digits; others for other settings, arrays or versions of the libraries.
    """
    made_by = [_FORMAT, __version__, *(version(name) for name in ("tensorflow", "keras"))]
    key = sha256(json.dumps([made_by, settings], sort_keys=True, default=_plain).encode())
    for array in arrays:
        if array is None:
            key.update(b"|None")
        else:
            key.update(f"|{array.dtype.str}|{array.shape}|".encode())
            key.update(np.ascontiguousarray(array).data)
    return key.hexdigest()


class FitStore:
    """One fit in a folder of kept fits, for any number of processes at a time.

    Parameters
    ----------
    folder : str or path-like
        Is made when something is to be kept. One that cannot be used costs a warning, but no
        fit.
    key : str
        From `fit_key`.
    suffix : str, default=".fit"
        Of the file of the finished fit.
    """

    def __init__(self, folder: PathLike, key: str, suffix: str = _FINISHED) -> None:
        self.key = key
        self._finished = Path(folder, f"{key}{suffix}")
        self._unfinished = Path(folder, f"{key}{_UNFINISHED}")
        self._is_disabled = False

    def finished(self) -> TrainingState | None:
        """Return the finished fit. None: there is none, or it was damaged and is deleted."""
        return self._read(self._finished)

    def unfinished(self) -> TrainingState | None:
        """Return how far the fit has come. None: as for `finished`."""
        return self._read(self._unfinished)

    def save_finished(self, state: TrainingState) -> None:
        """Keep the finished fit; how far it had come is of no use any more."""
        self._write(self._finished, state)
        _delete(self._unfinished)

    def save_unfinished(self, state: TrainingState) -> None:
        """Keep how far the fit has come."""
        self._write(self._unfinished, state)

    def _read(self, file: Path) -> TrainingState | None:
        try:
            content = file.read_bytes()
        except OSError:
            return None
        size = sha256().digest_size
        if content[:size] != self._checksum(content[size:]):
            _delete(file)
            return None
        with np.load(io.BytesIO(content[size:]), allow_pickle=False) as kept:
            numbers = json.loads(kept[_NUMBERS].tobytes())
            arrays: dict[str, list[np.ndarray]] = {name: [] for name in numbers.pop("names")}
            for name in kept.files:
                if name != _NUMBERS:
                    arrays[name.partition(".")[0]].append(kept[name])
        return TrainingState(arrays, numbers)

    def _write(self, file: Path, state: TrainingState) -> None:
        if self._is_disabled:
            return
        numbers = json.dumps({**state.numbers, "names": list(state.arrays)})
        arrays: dict[str, Any] = {
            f"{name}.{i}": array
            for name, several in state.arrays.items()
            for i, array in enumerate(several)
        }
        content = io.BytesIO()
        arrays[_NUMBERS] = np.frombuffer(numbers.encode(), np.uint8)
        np.savez(content, **arrays)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_file(file, self._checksum(content.getvalue()) + content.getvalue())
        except OSError as error:
            self._is_disabled = True
            warnings.warn(
                f"a fit cannot be kept for later ({error}): if this process is killed, it is "
                "trained again; make room or name another checkpoint_dir",
                stacklevel=2,
            )

    def _checksum(self, content: bytes) -> bytes:
        return sha256(self.key.encode() + content).digest()


def count_finished(folder: PathLike) -> int:
    """Count the finished fits in a folder; none where there is no such folder."""
    return len(list(Path(folder).glob(f"*{_FINISHED}")))


def _delete(file: Path) -> None:
    with suppress(OSError):  # of use to nobody, and in nobody's way
        file.unlink()


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else repr(value)
