"""The names of skcomic's classes in files: they stay when the modules of the classes move."""

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

from skcomic._estimator import public_name
from skcomic.models.archive import AuditError, read_json, read_stored

SCHEMA = "schema.json"

#: The classes of skcomic that a model file may hold, by their modules.
OWN_CLASSES = (
    "skcomic.nets.convnet.ConvNetClassifier",
    "skcomic.selection.halving.BalancedHalvingSearchCV",
    "skcomic.selection.scoring.CostScorer",
    "skcomic.selection.scoring._ParsimoniousChoice",
    "skcomic.selection.search.BalancedRandomizedSearchCV",
    "skcomic.images.vectorizer.ImageVectorizer",
)

# What files of format 1 call them by: the modules of that time.
_FORMAT_1 = (
    "skcomic.classifier.ConvNetClassifier",
    "skcomic.halving.BalancedHalvingSearchCV",
    "skcomic.scoring.CostScorer",
    "skcomic.scoring._ParsimoniousChoice",
    "skcomic.search.BalancedRandomizedSearchCV",
    "skcomic.vectorizer.ImageVectorizer",
)

_TO_PUBLIC = {name: public_name(name) for name in OWN_CLASSES}
_OF_PUBLIC = {public: name for name, public in _TO_PUBLIC.items()}
_OF_FILE = _OF_PUBLIC | {former: _OF_PUBLIC[public_name(former)] for former in _FORMAT_1}


def with_public_names(pipeline: bytes) -> bytes:
    """Call the classes of skcomic by their public names.

    Parameters
    ----------
    pipeline : bytes
        What skops wrote.

    Returns
    -------
    pipeline : bytes
        The same with other names.
    """
    return _renamed(pipeline, _TO_PUBLIC)


def with_current_modules(pipeline: bytes) -> bytes:
    """Call the classes of skcomic by the modules that they are in now.

    Parameters
    ----------
    pipeline : bytes
        The pipeline of a model file of any format.

    Returns
    -------
    pipeline : bytes
        The same with other names.

    Raises
    ------
    AuditError
        If it cannot be read, or names a class of skcomic that a model file never holds.
    """
    return _renamed(pipeline, _OF_FILE)


def _renamed(pipeline: bytes, names: Mapping[str, str]) -> bytes:
    members = read_stored(pipeline, "pipeline")
    if SCHEMA not in members:
        return pipeline  # which the audit refuses
    schema = read_json(members[SCHEMA], "the schema of its pipeline")
    for node in _nodes(schema):
        module, cls = node.get("__module__"), node.get("__class__")
        if isinstance(module, str) and module.partition(".")[0] == "skcomic":
            if (name := names.get(f"{module}.{cls}")) is None:
                raise AuditError(f"it holds {module}.{cls}, which a model file must not hold")
            node["__module__"], _, node["__class__"] = name.rpartition(".")
    try:
        members[SCHEMA] = json.dumps(schema).encode()
    except RecursionError as error:
        raise AuditError("the schema of its pipeline is nested too deeply") from error
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:  # not compressed, as skops does
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    waiting = [tree]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            yield part
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part
