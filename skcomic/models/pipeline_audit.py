"""What the pipeline of a model file may hold: checked before skops reads any of it.

These are lists of what is allowed, by exact names. Whatever is not on them is refused, so that a
file can hold data and the classes below, and nothing that runs.
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

# Classes whose instances are made by setting their attributes.
_OBJECTS = {
    *OWN_CLASSES,
    "sklearn.calibration.CalibratedClassifierCV",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.calibration._TemperatureScaling",
    "sklearn.frozen._frozen.FrozenEstimator",
    "sklearn.isotonic.IsotonicRegression",
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

#: All names that skops is given as trusted, in addition to plain values.
ALLOWED = sorted(_OBJECTS | _METRICS | _KEY_TYPES)

# Files of other protocols of skops are read by other rules than those that are checked here.
_PROTOCOL = 2
_KEYS = {
    "__class__", "__module__", "__loader__", "__id__", "content", "key_types", "is_json", "type",
    "shape", "file", "protocol", "_skops_version",
}  # fmt: skip

# What each kind of node of skops may be of. Other kinds (methods, partials, operators, what
# __reduce__ gives) are refused: they call things.
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
    """Refuse a pipeline saved by skops that holds anything but data and the classes above.

    Parameters
    ----------
    content : bytes
        What skops wrote.

    Raises
    ------
    AuditError
        It names what is not allowed.
    """
    members = read_stored(content, "pipeline")
    if SCHEMA not in members:
        raise AuditError(f"its pipeline has no {SCHEMA!r}")
    schema = read_json(members.pop(SCHEMA), "the schema of its pipeline")
    if not isinstance(schema, dict) or schema.get("protocol") != _PROTOCOL:
        raise AuditError(f"its pipeline is not of protocol {_PROTOCOL} of skops")
    for name, array in members.items():
        if not _ARRAY.fullmatch(name):
            raise AuditError(f"its pipeline has a member {name!r} that is no array")
        _check_array(name, array)
    seen: dict[int, tuple[str, str]] = {}
    waiting = [(schema, "the model")]
    while waiting:
        node, where = waiting.pop()
        try:
            waiting += _children(node, where, members.keys(), seen)
        except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
            raise AuditError(f"its pipeline is not as skops writes it, at {where}") from error


def _children(
    node: Any, where: str, arrays: Any, seen: dict[int, tuple[str, str]]
) -> list[tuple[Any, str]]:
    """Check one node of the tree, and give those below it."""
    if extra := node.keys() - _KEYS:
        raise ValueError(extra)
    kind, name = node["__loader__"], f"{node['__module__']}.{node['__class__']}"
    if kind not in _NODES or name not in _NODES[kind]:
        what = "" if kind in ("ObjectNode", "TypeNode", "FunctionNode") else f" (as a {kind})"
        raise AuditError(f"{where} holds {name}{what}, which a model file must not hold")
    # skops takes a second node of the same number for the first, whatever else it says.
    if seen.setdefault(node["__id__"], (kind, name)) != (kind, name):
        raise AuditError(f"its pipeline gives two things the number {node['__id__']}, at {where}")
    if kind in ("TypeNode", "FunctionNode"):
        return []
    content = node.get("content")
    if kind == "JsonNode":
        value = json.loads(content)
        if not isinstance(value, str | int | float | bool | None):
            raise ValueError(value)
        return []
    if kind == "DictNode":
        types = node["key_types"]
        if len(types["content"]) != len(content) or types["__loader__"] != "ListNode":
            raise AuditError(f"{where} has keys that are the same once they are text")
        children = [(value, f"{where}.{key}") for key, value in content.items()]
        keys = [(value, f"the type of a key of {where}") for value in types["content"]]
        if any(key["__loader__"] != "TypeNode" for key, _ in keys):
            raise ValueError(keys)
        return [*children, *keys, (types, where)]
    if kind in ("ListNode", "TupleNode", "SetNode"):
        return [(value, f"{where}[{row}]") for row, value in enumerate(content)]
    if kind == "NdArrayNode":
        if node["type"] == "numpy":
            if node["file"] not in arrays:
                raise AuditError(f"its pipeline misses the array {node['file']!r}, of {where}")
            return []
        return [*((value, f"{where}[...]") for value in content), (node["shape"], where)]
    if kind == "MaskedArrayNode":
        return [(content["data"], where), (content["mask"], where)]
    if kind == "RandomGeneratorNode":
        state = content["bit_generator"]
        generator = json.loads(state["content"]["bit_generator"]["content"])
        if generator not in _BIT_GENERATORS:
            raise AuditError(
                f"{where} holds a generator of numpy.random.{generator}, which is none"
            )
        return [(state, where), (content["seed_seq"], where)]
    return [] if content is None else [(content, where)]


def _check_array(name: str, content: bytes) -> None:
    """Make sure that an array is of plain values, and not larger than its bytes."""
    file = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(file)
        read = {(1, 0): np.lib.format.read_array_header_1_0}
        read[2, 0] = np.lib.format.read_array_header_2_0
        shape, _, dtype = read[version](file)
    except (ValueError, KeyError) as error:
        raise AuditError(f"its array {name!r} is none that numpy wrote: {error}") from error
    if dtype.hasobject:
        raise AuditError(f"its array {name!r} holds objects, which are pickles")
    if dtype.kind not in "biufUS":
        raise AuditError(f"its array {name!r} holds values of the type {dtype}")
    if any(length < 0 for length in shape):
        raise AuditError(f"its array {name!r} has the shape {shape}")
    if math.prod(shape) * dtype.itemsize != len(content) - file.tell():
        raise AuditError(f"its array {name!r} is not as large as its shape {shape} says")
