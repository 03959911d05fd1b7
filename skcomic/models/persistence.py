"""Models in files: written whole, and read without running anything that is in them."""

import copy
import inspect
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from skcomic._compat.sklearn import remove_callbacks
from skcomic._estimator import reset_run_parameters
from skcomic._files import write_file
from skcomic._version import __version__
from skcomic.images.decoding import PathLike
from skcomic.models.archive import (
    FORMAT,
    MAX_BYTES,
    PIPELINE,
    AuditError,
    audited_file,
    pack,
    unpack,
)
from skcomic.models.names import with_current_modules, with_public_names
from skcomic.models.network_audit import audit_network
from skcomic.models.pipeline_audit import ALLOWED, audit_pipeline
from skcomic.nets.network_files import (
    is_fitted_classifier,
    is_network,
    network_from_bytes,
    network_to_bytes,
    optimizer_values,
    restore_network,
)

_LIBRARIES = ("scikit-learn", "scikeras", "tensorflow", "keras", "numpy", "pillow", "skops")
_PLAIN = (str, int, float, bool, type(None))


def save(model: Any, path: PathLike, about: dict[str, Any] | None = None) -> None:
    """Write a fitted model into one file that holds no pickle.

    The file is a zip archive: ``manifest.json``, which describes the model and has the SHA-256 of
    every other member, the pipeline as skops writes it, and each network as a ``.keras`` file.

    Parameters
    ----------
    model : estimator
        A fitted `ConvNetClassifier`, a pipeline with one, or a search, `CalibratedClassifierCV`,
        `TunedThresholdClassifierCV` or `FixedThresholdClassifier` around either.
    path : str or path-like
        The file, by custom named ``*.skcomic``; a former one is replaced once the new one is
        complete.
    about : dict, default=None
        What ``skcomic card`` says about the model, as plain data: ``Study.to_dict()``, or any of
        its entries, or others.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    TypeError
        If the model holds something that a file cannot: it is named. Nothing is written.
    ValueError
        If `about` is not plain data.
    OSError
        If the file cannot be written, or a temporary one; a former one is still there.

    See Also
    --------
    load : Reads it.

    Notes
    -----
    Left out are what belongs to one machine or is code: the `cache` of an `ImageVectorizer`, the
    `memory` of a pipeline, folders of checkpoints, Keras' and scikit-learn's callbacks. The state
    of the optimizer is kept, so that `partial_fit` and `warm_start` continue as they would have.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from skcomic import ConvNetClassifier, load, save
    >>> rows = np.random.default_rng(0).random((20, 64), dtype=np.float32)
    >>> net = ConvNetClassifier(first_units=4, filters=4, epochs=1).fit(rows, [0, 1] * 10)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(net, f"{folder}/net.skcomic")
    ...     again = load(f"{folder}/net.skcomic")
    >>> np.array_equal(again.predict_proba(rows), net.predict_proba(rows))
    True
    """
    from sklearn.utils.validation import check_is_fitted

    name = type(model).__name__
    check_is_fitted(model)
    networks = [part for part in parts_of(model) if is_network(part)]
    nets = [part for part in parts_of(model) if is_fitted_classifier(part)]
    if not networks:
        raise TypeError(
            f"cannot save this {name}: it has no trained ConvNetClassifier in it"
            + (" (it was searched with refit=False)" if hasattr(model, "cv_results_") else "")
        )
    manifest = {
        "format": FORMAT,
        "skcomic": __version__,
        "saved": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {library: version(library) for library in _LIBRARIES},
        "model": name,
        **_describe(model, nets),
        "about": about or {},
    }
    members = {PIPELINE: _dump(model, networks)}
    for number, network in enumerate(networks):
        members[_member(number)] = network_to_bytes(network)
    try:
        audit_pipeline(members[PIPELINE])
        members[PIPELINE] = with_public_names(members[PIPELINE])
        for number in range(len(networks)):
            audit_network(members[_member(number)])
    except AuditError as refusal:
        raise TypeError(f"cannot save this {name}: {refusal}") from refusal
    try:
        content = pack(manifest, members)
    except (TypeError, ValueError) as error:
        raise ValueError(f"about must be plain data that JSON can hold: {error}") from error
    write_file(Path(path), content)


def load(path: PathLike, *, max_bytes: int = MAX_BYTES) -> Any:
    """Read a model that `save` wrote, without running anything that is in the file.

    All of the file is checked before any object is made of it. It may hold data, skcomic's
    own classes, those of scikit-learn around them, and networks of the layers that
    `build_convnet` takes; there is no way to allow more. The checksums in the manifest detect a
    damaged file; they do not prove who wrote it.

    Parameters
    ----------
    path : str or path-like
        The file.
    max_bytes : int, default=2**30
        What its members may take together once they are unpacked, in bytes.

    Returns
    -------
    model : estimator
        As it was saved. On the same machine, with the same versions and number of threads,
        `predict_proba` gives the very same values.

    Raises
    ------
    ModelFileError
        If it is no model file, a damaged one, one of a newer format, or one that holds anything
        else than a model file may.

    See Also
    --------
    save : Writes it, and shows an example.
    predict_files : Classifies image files with the model.

    Examples
    --------
    >>> from skcomic import load
    >>> load("face.jpg")
    Traceback (most recent call last):
    skcomic.models.archive.ModelFileError: cannot load 'face.jpg': there is no such file
    """
    _, members = unpack(path, max_bytes)
    pipeline = members.pop(PIPELINE)
    with audited_file(path):
        pipeline = with_current_modules(pipeline)
        audit_pipeline(pipeline)
        for name in sorted(members):
            audit_network(members[name])
        try:
            return _construct(pipeline, members)
        except (AuditError, MemoryError, OSError):
            raise
        except Exception as error:  # of skops, Keras or scikit-learn, which promise no kind
            reason = f"{type(error).__name__}: {error}"
            raise AuditError(f"its parts cannot be put together ({reason})") from error


def _construct(pipeline: bytes, members: dict[str, bytes]) -> Any:
    # Its import searches all imported modules: it comes before TensorFlow's, which are thousands.
    import skops.io

    model = skops.io.loads(pipeline, trusted=list(ALLOWED))
    if not hasattr(model, "predict"):
        raise AuditError(f"it holds a {type(model).__name__}, which is no classifier")
    networks = {name: network_from_bytes(content) for name, content in members.items()}
    used = set()
    for part in list(parts_of(model)):
        _prepare_part(part)
        if is_fitted_classifier(part):
            name = _member(part.model_["network"])
            if name not in networks:
                raise AuditError(f"it has no member {name!r}")
            used.add(name)
            try:
                restore_network(part, networks[name], part.model_["optimizer"])
            except ValueError as error:
                raise AuditError(str(error)) from error
    if unused := networks.keys() - used:
        raise AuditError(f"nothing in it belongs to its member {sorted(unused)[0]!r}")
    return model


def _member(number: int) -> str:
    return f"networks/{number:d}.keras"


def _dump(model: Any, networks: list[Any]) -> bytes:
    """Save all but the networks, whose places are taken by their numbers."""
    import skops.io

    places = {
        id(network): {"network": number, "optimizer": optimizer_values(network)}
        for number, network in enumerate(networks)
    }
    try:
        without = copy.deepcopy(model, places)
        for part in list(parts_of(without)):
            _prepare_part(part)
        return skops.io.dumps(without)
    except Exception as error:  # what cannot be copied or saved raises nearly anything
        raise TypeError(f"cannot save this {type(model).__name__}: {error}") from error


def parts_of(model: Any) -> Iterator[Any]:
    """Go through all that a model holds, each thing once."""
    seen: dict[int, Any] = {}  # with the things, or another might get a number that was seen
    waiting = [model]
    while waiting:
        part = waiting.pop()
        if id(part) in seen or isinstance(part, (*_PLAIN, type)):
            continue
        seen[id(part)] = part
        yield part
        if isinstance(part, dict):
            waiting += part.values()
        elif isinstance(part, list | tuple | set):
            waiting += part
        elif isinstance(part, np.ndarray):
            waiting += part.ravel().tolist() if part.dtype == object else []
        elif type(part).__module__.partition(".")[0] in ("skcomic", "sklearn"):
            waiting += getattr(part, "__dict__", {}).values()


def _prepare_part(part: Any) -> None:
    """Leave out what is of another machine, and give later parameters their defaults."""
    attributes = getattr(part, "__dict__", {})
    if not hasattr(part, "get_params"):
        return
    remove_callbacks(part)
    reset_run_parameters(part)
    for name, parameter in inspect.signature(type(part).__init__).parameters.items():
        if name not in attributes and parameter.default is not parameter.empty:
            attributes[name] = parameter.default


def _describe(model: Any, nets: list[Any]) -> dict[str, Any]:
    from skcomic.images.vectorizer import ImageVectorizer

    vectorizers = [part for part in parts_of(model) if isinstance(part, ImageVectorizer)]
    chosen = [("net", nets[0]), *(("images", part) for part in vectorizers[:1])]
    return {
        "classes": [_plain(label) for label in model.classes_.tolist()],
        "networks": [
            {
                "name": net.net_name,
                "pixels": net.n_features_in_,
                "weights": net.n_parameters_,
                "epochs": net.n_iter_,
                "precision": net.precision_,
                **net.training_time_,
            }
            for net in nets
        ],
        "parameters": {
            of: {key: _plain(value) for key, value in part.get_params(deep=False).items()}
            for of, part in chosen
        },
    }


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if type(value) in _PLAIN else repr(value)
