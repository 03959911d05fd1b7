"""Fitted models saved to files and loaded from them, without running code of a file."""

import copy
import inspect
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

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
    PLAN,
    AuditError,
    audited_file,
    pack,
    unpack,
)
from skcomic.models.names import with_current_modules, with_public_names
from skcomic.models.network_audit import audit_network
from skcomic.models.pipeline_audit import ALLOWED, audit_pipeline
from skcomic.models.plan_files import load_plan, plan_to_bytes
from skcomic.nets.network_files import (
    is_fitted_classifier,
    is_network,
    network_from_bytes,
    network_to_bytes,
    optimizer_values,
    restore_network,
)

_LIBRARIES = ("scikit-learn", "scikeras", "tensorflow", "keras", "numpy", "pillow", "skops")
_PLAIN_TYPES = (str, int, float, bool, type(None))


def save(model: Any, path: PathLike, about: dict[str, Any] | None = None) -> None:
    """Save a fitted model in one file that holds no pickle.

    The file is a zip archive of ``manifest.json``, which describes the model and has the SHA-256
    of every other member, the pipeline as skops writes it, and each network as a ``.keras`` file.

    Parameters
    ----------
    model : estimator
        A fitted `ConvNetClassifier`, `SmallNetClassifier` or pipeline of `make_contenders`, or a
        search, `CalibratedClassifierCV`, `TunedThresholdClassifierCV` or
        `FixedThresholdClassifier` around it.
    path : str or path-like
        The file, usually named ``*.skcomic``. An existing file is replaced once the new one is
        complete.
    about : dict, default=None
        What else ``skcomic card`` reports about the model, as plain data: ``Study.to_dict()``,
        some of its entries, or others.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    TypeError
        If the model holds an object that cannot be saved; the message names it, and nothing is
        written.
    ValueError
        If `about` is not plain data, or takes more than 16 MiB as JSON.
    OSError
        If the file or a temporary one cannot be written; an existing file is not changed.

    See Also
    --------
    load : Loads the model.

    Notes
    -----
    Parameters that belong to one machine or are code are not saved: the `cache` of an
    `ImageVectorizer`, the `memory` of a pipeline, folders of checkpoints, Keras' and
    scikit-learn's callbacks. The state of the optimizer is saved, so `partial_fit` and
    `warm_start` train a loaded model exactly as they would train the original.

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
    networks = [part for part in iter_parts(model) if is_network(part)]
    nets = [part for part in iter_parts(model) if is_fitted_classifier(part)]
    if not hasattr(model, "classes_"):
        raise TypeError(
            f"cannot save this {name}: it is not a classifier"
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
    from skcomic.models.planning import make_plan

    members = {PIPELINE: _dump_pipeline(model, networks)}
    for number, network in enumerate(networks):
        members[_network_member(number)] = network_to_bytes(network)
    try:
        audit_pipeline(members[PIPELINE])
        members[PIPELINE] = with_public_names(members[PIPELINE])
        for number in range(len(networks)):
            audit_network(members[_network_member(number)])
    except AuditError as error:
        raise TypeError(f"cannot save this {name}: {error}") from error
    with suppress(TypeError):  # it is more than a plan can describe
        members[PLAN] = plan_to_bytes(make_plan(model))
    write_file(Path(path), pack(manifest, members))


def load(
    path: PathLike, *, runtime: Literal["full", "light"] = "full", max_bytes: int = MAX_BYTES
) -> Any:
    """Load a model that `save` wrote; no code in the file is run.

    The whole file is checked before any object is created from it. It may hold data, skcomic's own
    classes, those of scikit-learn around them, and networks of the layers that skcomic's
    uses; there is no option to allow more. The checksums in the manifest detect a damaged file,
    but do not prove who wrote it.

    Parameters
    ----------
    path : str or path-like
        The file.
    runtime : {"full", "light"}, default="full"
        "light": a classifier that predicts the same without TensorFlow, and cannot be trained. So
        can be loaded what `make_contenders` offers, saved by this version or a later one. It
        computes in float32: probabilities of a net in "mixed_bfloat16" differ by about 0.01.
    max_bytes : int, default=2**30
        The largest size of its members together once they are unpacked, in bytes.

    Returns
    -------
    model : estimator
        As it was saved. On the same machine, with the same versions of the libraries and the
        same number of threads, `predict_proba` returns exactly the same values.

    Raises
    ------
    ModelFileError
        If it is not a model file, is damaged, has a newer format, or holds anything that is not
        allowed in a model file; or if it has no light model.
    ValueError
        If there is no such `runtime`.

    See Also
    --------
    save : Saves a model; it has an example of both.
    predict_files : Classifies image files with the model.

    Examples
    --------
    >>> from skcomic import load
    >>> load("face.jpg")
    Traceback (most recent call last):
    skcomic.models.archive.ModelFileError: cannot load 'face.jpg': there is no such file
    """
    if runtime not in ("full", "light"):
        raise ValueError(f"runtime must be 'full' or 'light', not {runtime!r}")
    if runtime == "light":
        from skcomic.models.light import LightClassifier

        return LightClassifier(load_plan(path, max_bytes))
    _, members = unpack(path, max_bytes)
    pipeline = members.pop(PIPELINE)
    members.pop(PLAN, None)
    with audited_file(path):
        pipeline = with_current_modules(pipeline)
        audit_pipeline(pipeline)
        for name in sorted(members):
            audit_network(members[name])
        try:
            return _construct(pipeline, members)
        except (AuditError, MemoryError, OSError):
            raise
        except Exception as error:  # skops, Keras and scikit-learn document none
            reason = f"{type(error).__name__}: {error}"
            raise AuditError(f"its model cannot be created from its parts ({reason})") from error


def _construct(pipeline: bytes, members: dict[str, bytes]) -> Any:
    # Imported before TensorFlow: skops searches all modules imported so far, and TensorFlow has
    # thousands.
    import skops.io

    model = skops.io.loads(pipeline, trusted=list(ALLOWED))
    if not hasattr(model, "predict"):
        raise AuditError(f"it holds a {type(model).__name__}, which is not a classifier")
    networks = {name: network_from_bytes(content) for name, content in members.items()}
    used = set()
    for part in list(iter_parts(model)):
        _reset_part(part)
        if is_fitted_classifier(part):
            name = _network_member(part.model_["network"])
            if name not in networks:
                raise AuditError(f"it has no member {name!r}")
            used.add(name)
            try:
                restore_network(part, networks[name], part.model_["optimizer"])
            except ValueError as error:
                raise AuditError(str(error)) from error
    if unused := networks.keys() - used:
        raise AuditError(
            f"no classifier in it has the network of its member {sorted(unused)[0]!r}"
        )
    return model


def _network_member(number: int) -> str:
    return f"networks/{number:d}.keras"


def _dump_pipeline(model: Any, networks: list[Any]) -> bytes:
    """Save the model with each network replaced by its number and its optimizer's values."""
    import skops.io

    placeholders = {
        id(network): {"network": number, "optimizer": optimizer_values(network)}
        for number, network in enumerate(networks)
    }
    try:
        stripped = copy.deepcopy(model, placeholders)
        for part in list(iter_parts(stripped)):
            _reset_part(part)
        return skops.io.dumps(stripped)
    except Exception as error:  # copying or saving an object can raise any exception
        raise TypeError(f"cannot save this {type(model).__name__}: {error}") from error


def iter_parts(model: Any) -> Iterator[Any]:
    """Iterate over all objects that a model consists of, each once."""
    seen: dict[int, Any] = {}  # holds the objects, so that their ids are not used again
    stack = [model]
    while stack:
        part = stack.pop()
        if id(part) in seen or isinstance(part, (*_PLAIN_TYPES, type)):
            continue
        seen[id(part)] = part
        yield part
        if isinstance(part, dict):
            stack += part.values()
        elif isinstance(part, list | tuple | set):
            stack += part
        elif isinstance(part, np.ndarray):
            stack += part.ravel().tolist() if part.dtype == object else []
        elif type(part).__module__.partition(".")[0] in ("skcomic", "sklearn"):
            stack += getattr(part, "__dict__", {}).values()


def _reset_part(part: Any) -> None:
    """Clear the parameters of one machine, and set new parameters to their defaults."""
    attributes = getattr(part, "__dict__", {})
    if not hasattr(part, "get_params"):
        return
    remove_callbacks(part)
    reset_run_parameters(part)
    attributes.pop("_loss_function_", None)  # of SGDClassifier, which makes it in each fit
    for name, parameter in inspect.signature(type(part).__init__).parameters.items():
        if name not in attributes and parameter.default is not parameter.empty:
            attributes[name] = parameter.default


def _describe(model: Any, nets: list[Any]) -> dict[str, Any]:
    from skcomic.images.vectorizer import ImageVectorizer

    vectorizers = [part for part in iter_parts(model) if isinstance(part, ImageVectorizer)]
    chosen = [("net", part) for part in nets[:1]] + [("images", part) for part in vectorizers[:1]]
    return {
        "steps": list(_name_steps(model)),
        "pixels": None if vectorizers else _to_plain(getattr(model, "n_features_in_", None)),
        "classes": [_to_plain(label) for label in model.classes_.tolist()],
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
            role: {key: _to_plain(value) for key, value in part.get_params(deep=False).items()}
            for role, part in chosen
        },
    }


def _name_steps(model: Any) -> Iterator[str]:
    """Name the classes that a model consists of, in the order of the data's way."""
    around = ("best_estimator_", "estimator_", "estimator")  # of what it was made, fitted if kept
    inner = next((getattr(model, name) for name in around if hasattr(model, name)), None)
    if inner is not None:
        yield type(model).__name__
        yield from _name_steps(inner)
    elif hasattr(model, "steps"):
        for _, step in model.steps:
            yield from _name_steps(step)
    else:
        yield type(model).__name__


def _to_plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, list | tuple):
        return [_to_plain(item) for item in value]
    return value if type(value) in _PLAIN_TYPES else repr(value)
