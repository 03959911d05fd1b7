"""The check of the pipeline of a model file, before skops reads any of it.

The lists below name exactly what is allowed, and all else is rejected: so a file can hold data and
instances of the classes below, but no code.
"""

import io
import json
import math
import re
from typing import Any

import numpy as np

from skcomic.models.archive import AuditError, read_json, read_stored
from skcomic.models.names import OWN_CLASSES, SCHEMA

_ARRAY = re.compile(r"\d+\.npy")

# Classes whose instances skops makes by setting their attributes.
_OBJECTS = {
    *OWN_CLASSES,
    "sklearn.calibration.CalibratedClassifierCV",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.calibration._TemperatureScaling",
    "sklearn.frozen._frozen.FrozenEstimator",
    "sklearn.isotonic.IsotonicRegression",
    "sklearn.linear_model._logistic.LogisticRegression",
    "sklearn.linear_model._stochastic_gradient.SGDClassifier",
    "sklearn.metrics._scorer._CurveScorer",
    "sklearn.metrics._scorer._PassthroughScorer",
    "sklearn.metrics._scorer._Scorer",
    "sklearn.model_selection._classification_threshold.FixedThresholdClassifier",
    "sklearn.model_selection._classification_threshold.TunedThresholdClassifierCV",
    "sklearn.model_selection._search.GridSearchCV",
    "sklearn.model_selection._search.RandomizedSearchCV",
    "sklearn.model_selection._split.GroupKFold",
    "sklearn.model_selection._split.GroupShuffleSplit",
    "sklearn.model_selection._split.KFold",
    "sklearn.model_selection._split.PredefinedSplit",
    "sklearn.model_selection._split.RepeatedStratifiedKFold",
    "sklearn.model_selection._split.ShuffleSplit",
    "sklearn.model_selection._split.StratifiedGroupKFold",
    "sklearn.model_selection._split.StratifiedKFold",
    "sklearn.model_selection._split.StratifiedShuffleSplit",
    "sklearn.pipeline.Pipeline",
    "sklearn.preprocessing._data.StandardScaler",
    "sklearn.utils._metadata_requests.MetadataRequest",
    "sklearn.utils._metadata_requests.MethodMetadataRequest",
}
_METRICS = {
    f"sklearn.metrics.{module}.{name}"
    for module, names in {
        "_classification": (
            "accuracy_score balanced_accuracy_score brier_score_loss cohen_kappa_score f1_score "
            "fbeta_score jaccard_score log_loss matthews_corrcoef precision_score recall_score"
        ),
        "_ranking": "average_precision_score roc_auc_score",
    }.items()
    for name in names.split()
}
_SCALARS = {"numpy.bool", "numpy.bool_", "numpy.str_"} | {
    f"numpy.{kind}{bits}"
    for kind, sizes in {
        "float": (16, 32, 64),
        "int": (8, 16, 32, 64),
        "uint": (8, 16, 32, 64),
    }.items()
    for bits in sizes
}
_KEY_TYPES = _SCALARS - {"numpy.bool", "numpy.bool_"} | {
    f"builtins.{name}" for name in ("str", "int", "float")
}
_BIT_GENERATORS = {"MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"}

#: All names that skops is allowed to load, in addition to plain values.
ALLOWED = sorted(_OBJECTS | _METRICS | _KEY_TYPES)

# skops reads files of its other protocols by other rules than those checked here.
_PROTOCOL = 2
_KEYS = {
    "__class__", "__module__", "__loader__", "__id__", "content", "key_types", "is_json", "type",
    "shape", "file", "protocol", "_skops_version",
}  # fmt: skip

# The classes that each kind of node of skops may have. Other kinds (methods, partials, operators,
# the results of __reduce__) are rejected, since loading them calls functions.
_NODES = {
    "DictNode": {"builtins.dict"},
    "FunctionNode": _METRICS,
    "JsonNode": {"builtins.str"},
    "ListNode": {"builtins.list"},
    "MaskedArrayNode": {"numpy.ma.MaskedArray", "numpy.ma.core.MaskedArray"},
    "NdArrayNode": _SCALARS | {"numpy.ndarray"},
    "ObjectNode": _OBJECTS,
    "RandomGeneratorNode": {"numpy.random._generator.Generator"},
    "RandomStateNode": {"numpy.random.mtrand.RandomState"},
    "SetNode": {"builtins.set"},
    "TupleNode": {"builtins.tuple"},
    "TypeNode": _KEY_TYPES,
}


def audit_pipeline(content: bytes) -> None:
    """Reject a pipeline saved by skops that holds anything but data and the classes above.

    Parameters
    ----------
    content : bytes
        As skops writes it.

    Raises
    ------
    AuditError
        If it holds anything else; the message says what and where.
    """
    members = read_stored(content, "pipeline")
    if SCHEMA not in members:
        raise AuditError(f"its pipeline has no member {SCHEMA!r}, which skops always writes")
    schema = read_json(members.pop(SCHEMA), "the schema of its pipeline")
    protocol = schema.get("protocol") if isinstance(schema, dict) else None
    if protocol != _PROTOCOL:
        raise AuditError(
            f"its pipeline is of skops' protocol {protocol!r}; only {_PROTOCOL} is allowed"
        )
    for name, array in members.items():
        if not _ARRAY.fullmatch(name):
            raise AuditError(
                f"its pipeline has the member {name!r}; only {SCHEMA!r} and arrays, named "
                "NUMBER.npy, are allowed"
            )
        _check_array(name, array)
    seen: dict[int, tuple[str, str]] = {}
    stack = [(schema, "the model")]
    while stack:
        node, where = stack.pop()
        try:
            stack += _check_node(node, where, members.keys(), seen)
        except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
            reason = f"{type(error).__name__}: {error}"
            raise AuditError(
                f"its pipeline is not as skops writes it, at {where} ({reason})"
            ) from error


def _check_node(
    node: Any, where: str, arrays: Any, seen: dict[int, tuple[str, str]]
) -> list[tuple[Any, str]]:
    """Check the class and the id of one node of the tree, and return the nodes below it."""
    if extra := node.keys() - _KEYS:
        raise AuditError(f"{where} has the entry {min(extra)!r}, which skops does not write")
    kind, name = node["__loader__"], f"{node['__module__']}.{node['__class__']}"
    if kind not in _NODES or name not in _NODES[kind]:
        what = "" if kind in ("ObjectNode", "TypeNode", "FunctionNode") else f" (as a {kind})"
        raise AuditError(
            f"{where} holds {name}{what}; a model file may hold only data, estimators of skcomic "
            "and those of scikit-learn that go with them"
        )
    # skops replaces a second node of the same id by the first, and ignores what the second holds.
    if seen.setdefault(node["__id__"], (kind, name)) != (kind, name):
        raise AuditError(
            f"{where} has the id {node['__id__']} of an object of another class; an id must stand "
            "for one object"
        )
    return _check_content(node, where, arrays)


def _check_content(node: Any, where: str, arrays: Any) -> list[tuple[Any, str]]:
    kind, content = node["__loader__"], node.get("content")
    if kind in ("TypeNode", "FunctionNode"):
        return []
    if kind == "JsonNode":
        value = json.loads(content)
        if not isinstance(value, str | int | float | bool | None):
            raise AuditError(
                f"{where} holds a JSON {type(value).__name__}; only text, numbers, booleans and "
                "null are allowed"
            )
        return []
    if kind == "DictNode":
        return _check_dict(node, where)
    if kind in ("ListNode", "TupleNode", "SetNode"):
        return [(value, f"{where}[{row}]") for row, value in enumerate(content)]
    if kind == "NdArrayNode":
        if node["type"] == "numpy":
            if node["file"] not in arrays:
                raise AuditError(
                    f"{where} is in the array {node['file']!r}, which its pipeline does not have"
                )
            return []
        return [*((value, f"{where}[...]") for value in content), (node["shape"], where)]
    if kind == "MaskedArrayNode":
        return [(content["data"], where), (content["mask"], where)]
    if kind == "RandomGeneratorNode":
        state = content["bit_generator"]
        generator = json.loads(state["content"]["bit_generator"]["content"])
        if generator not in _BIT_GENERATORS:
            raise AuditError(
                f"{where} holds a generator of numpy.random.{generator}; only "
                f"{', '.join(sorted(_BIT_GENERATORS))} are allowed"
            )
        return [(state, where), (content["seed_seq"], where)]
    return [] if content is None else [(content, where)]


def _check_dict(node: Any, where: str) -> list[tuple[Any, str]]:
    content, types = node["content"], node["key_types"]
    if types["__loader__"] != "ListNode":
        raise AuditError(f"{where} has a {types['__loader__']} of key types, not a ListNode")
    if len(types["content"]) != len(content):
        raise AuditError(
            f"{where} has keys that are the same once they are text; its {len(content)} "
            f"values must have as many different keys, not {len(types['content'])}"
        )
    children = [(value, f"{where}.{key}") for key, value in content.items()]
    keys = [(value, f"the type of a key of {where}") for value in types["content"]]
    if others := {key["__loader__"] for key, _ in keys} - {"TypeNode"}:
        raise AuditError(f"{where} has a {min(others)} as the type of a key, not a TypeNode")
    return [*children, *keys, (types, where)]


def _check_array(name: str, content: bytes) -> None:
    """Check that an array holds plain values and has the size that its shape states."""
    file = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(file)
        read = {(1, 0): np.lib.format.read_array_header_1_0}
        read[2, 0] = np.lib.format.read_array_header_2_0
        shape, _, dtype = read[version](file)
    except (ValueError, KeyError) as error:
        raise AuditError(
            f"its array {name!r} is not in numpy's format 1.0 or 2.0: {error}"
        ) from error
    if dtype.hasobject or dtype.kind not in "biufUS":
        kind = "objects, which are pickles" if dtype.hasobject else f"values of the type {dtype}"
        raise AuditError(
            f"its array {name!r} holds {kind}; only booleans, numbers and text are allowed"
        )
    if any(length < 0 for length in shape):
        raise AuditError(f"its array {name!r} has the shape {shape}; no length may be negative")
    n_bytes = len(content) - file.tell()
    if n_bytes != math.prod(shape) * dtype.itemsize:
        raise AuditError(
            f"its array {name!r} holds {n_bytes:,} bytes, which is not what its shape {shape} and "
            f"type {dtype} require"
        )
