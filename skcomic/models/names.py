"""The names of skcomic's classes in files, which stay the same when their modules move."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from skcomic._estimator import public_name
from skcomic.models.archive import AuditError, read_json, read_stored, zip_members

SCHEMA = "schema.json"

#: The classes of skcomic that a model file may hold, by their modules.
OWN_CLASSES = (
    "skcomic.evidence.temperature.TemperatureScaledClassifier",
    "skcomic.features.hog.HogVectorizer",
    "skcomic.features.mirroring.MirroredClassifier",
    "skcomic.features.patches.PatchVectorizer",
    "skcomic.nets.convnet.ConvNetClassifier",
    "skcomic.nets.smallnet.SmallNetClassifier",
    "skcomic.selection.halving.BalancedHalvingSearchCV",
    "skcomic.selection.scoring.CostScorer",
    "skcomic.selection.scoring._ParsimoniousChoice",
    "skcomic.selection.search.BalancedRandomizedSearchCV",
    "skcomic.images.vectorizer.ImageVectorizer",
)

# Their names in files of format 1: the modules of that time.
_FORMAT_1 = (
    "skcomic.classifier.ConvNetClassifier",
    "skcomic.halving.BalancedHalvingSearchCV",
    "skcomic.scoring.CostScorer",
    "skcomic.scoring._ParsimoniousChoice",
    "skcomic.search.BalancedRandomizedSearchCV",
    "skcomic.vectorizer.ImageVectorizer",
)

_TO_PUBLIC = {name: public_name(name) for name in OWN_CLASSES}
_FROM_PUBLIC = {public: name for name, public in _TO_PUBLIC.items()}
_FROM_FILE = _FROM_PUBLIC | {
    old_name: _FROM_PUBLIC[public_name(old_name)] for old_name in _FORMAT_1
}


def with_public_names(pipeline: bytes) -> bytes:
    """Rename the classes of skcomic to their public names.

    Parameters
    ----------
    pipeline : bytes
        As skops writes it.

    Returns
    -------
    pipeline : bytes
        The same pipeline with the new names.
    """
    return _rename_classes(pipeline, _TO_PUBLIC)


def with_current_modules(pipeline: bytes) -> bytes:
    """Rename the classes of skcomic to the modules that they are in now.

    Parameters
    ----------
    pipeline : bytes
        The pipeline of a model file of any format.

    Returns
    -------
    pipeline : bytes
        The same pipeline with the new names.

    Raises
    ------
    AuditError
        If it cannot be read, or names a class of skcomic that is not allowed in a model file.
    """
    return _rename_classes(pipeline, _FROM_FILE)


def _rename_classes(pipeline: bytes, names: Mapping[str, str]) -> bytes:
    members = read_stored(pipeline, "pipeline")
    if SCHEMA not in members:
        return pipeline  # the audit rejects it
    schema = read_json(members[SCHEMA], "the schema of its pipeline")
    for node in _iter_nodes(schema):
        module, cls = node.get("__module__"), node.get("__class__")
        if isinstance(module, str) and module.partition(".")[0] == "skcomic":
            if (name := names.get(f"{module}.{cls}")) is None:
                raise AuditError(
                    f"it holds {module}.{cls}; of skcomic's classes, a model file may hold only "
                    f"{', '.join(sorted(_FROM_PUBLIC))}"
                )
            node["__module__"], _, node["__class__"] = name.rpartition(".")
    try:
        members[SCHEMA] = json.dumps(schema).encode()
    except RecursionError as error:
        raise AuditError("the schema of its pipeline is nested too deeply to be read") from error
    return zip_members(members)


def _iter_nodes(tree: Any) -> Iterator[dict[str, Any]]:
    stack = [tree]
    while stack:
        part = stack.pop()
        if isinstance(part, dict):
            yield part
            stack += part.values()
        elif isinstance(part, list):
            stack += part
