"""The check of the networks of a model file, before Keras reads any of them.

Keras' own `safe_mode` has been bypassed before (CVE-2025-1550), so the check does not rely on it.
"""

import io
import math
import re
from typing import Any

from skcomic.models.archive import AuditError, read_json, read_stored

_NETWORK_MEMBERS = {"metadata.json", "config.json", "model.weights.h5"}

# The layers of our networks, and the entries of their configuration that are always the same.
_CONVOLUTION = {
    "strides": [1, 1], "dilation_rate": [1, 1], "groups": 1,
    "data_format": "channels_last",
}  # fmt: skip
_POOLING = {"padding": "valid", "data_format": "channels_last"}
_LAYERS: dict[str, dict[str, Any]] = {
    "InputLayer": {"sparse": False, "ragged": False},
    "Reshape": {},
    "ZeroPadding1D": {},
    "Dense": {"use_bias": True},
    "Conv2D": _CONVOLUTION,
    "AveragePooling2D": _POOLING,
    "MaxPooling2D": _POOLING,
    "BatchNormalization": {
        "axis": -1,
        "center": True,
        "scale": True,
        "renorm": False,
        "synchronized": False,
    },
    "Activation": {},
    "Dropout": {"noise_shape": None, "seed": 0},
    "Flatten": {},
}
_MODULES = {
    "Sequential": "keras",
    "DTypePolicy": "keras",
    "GlorotUniform": "keras.initializers",
    "Ones": "keras.initializers",
    "Zeros": "keras.initializers",
} | dict.fromkeys(_LAYERS, "keras.layers")
_STRINGS = {
    "float32", "mixed_bfloat16", "bfloat16", "linear", "relu", "sigmoid", "softmax", "valid",
    "same", "channels_last",
}  # fmt: skip
_NAME = re.compile(r"[a-z0-9_]{1,64}")  # Keras names layers such as max_pooling2d_1
# Keras keeps an array at layers/NAME/vars/NUMBER (depth 3), and for each layer with weights two
# groups and two arrays: 38 items in a net with four convolutions. Hard links can make a loop.
_MAX_DEPTH = 8
_MAX_ITEMS = 10_000
# The longest side of a layer's output. Python does not print integers of more than 4,300 digits,
# and the messages below print products of such lengths.
_MAX_LENGTH = 2**31 - 1
_KEYS = {
    "module", "class_name", "config", "registered_name", "build_config", "compile_config",
    "shared_object_id",
}  # fmt: skip


def audit_network(content: bytes) -> None:
    """Reject a Keras file that does not hold a network of skcomic.

    Parameters
    ----------
    content : bytes
        A ``.keras`` file.

    Raises
    ------
    AuditError
        If it holds anything else; the message says what and where.
    """
    members = read_stored(content, "network")
    if members.keys() != _NETWORK_MEMBERS:
        name = min(members.keys() ^ _NETWORK_MEMBERS)
        raise AuditError(
            f"its network {'has' if name in members else 'lacks'} the member {name!r}; it must "
            f"have {', '.join(sorted(_NETWORK_MEMBERS))}"
        )
    config = read_json(members["config.json"], "the configuration of its network")
    try:
        _check_config(config, "the network")
        if config["class_name"] != "Sequential":
            raise AuditError(
                f"its network is a {config['class_name']}; only a Sequential is allowed"
            )
        n_weights = _count_weights(config["config"]["layers"])
    except (
        KeyError, TypeError, AttributeError, ValueError, ZeroDivisionError, RecursionError
    ) as error:  # fmt: skip
        reason = f"{type(error).__name__}: {error}"
        raise AuditError(
            f"the configuration of its network is not as Keras writes it ({reason})"
        ) from error
    try:
        n_values = _count_values(members["model.weights.h5"])
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise AuditError(
            f"the weights of its network cannot be read as an HDF5 file: {error}"
        ) from error
    if n_values != n_weights:
        raise AuditError(
            f"the layers of its network have {n_weights:,} weights, but its file holds "
            f"{n_values:,} values"
        )


def _check_config(value: Any, where: str) -> None:
    """Check that a configuration holds only plain values and the classes above."""
    if isinstance(value, dict):
        if "class_name" in value:
            _check_class(value, where)
        elif "module" in value or "registered_name" in value:
            raise AuditError(f"{where} holds an object without a class_name, which Keras writes")
        for key, part in value.items():
            if key in ("module", "class_name", "registered_name"):
                continue
            if key == "name" and isinstance(part, str) and _NAME.fullmatch(part):
                continue
            _check_config(part, f"{where}.{key}")
    elif isinstance(value, list):
        for part in value:
            _check_config(part, where)
    elif isinstance(value, str):
        if value not in _STRINGS:
            raise AuditError(
                f"{where} is {value!r}; only {', '.join(sorted(_STRINGS))} are allowed"
            )
    elif not isinstance(value, int | float | None):
        raise TypeError(value)


def _check_class(value: dict[str, Any], where: str) -> None:
    name, module, registered = value["class_name"], value.get("module"), value["registered_name"]
    if name in ("Lambda", "__lambda__"):
        raise AuditError(
            f"{where} holds a Lambda layer, which runs code of the file's author; only the layers "
            "of skcomic's networks are allowed"
        )
    if registered is not None or (name in _MODULES and module != _MODULES[name]):
        raise AuditError(
            f"{where} holds a custom object, {module}.{name} ({registered}): only the layers of "
            "skcomic's networks are allowed"
        )
    if name not in _MODULES:
        raise AuditError(
            f"{where} holds a {module}.{name}; only the layers of skcomic's networks are allowed"
        )
    if value.get("compile_config"):
        raise AuditError(
            f"{where} has settings of training (compile_config); a network is saved without them"
        )
    if extra := value.keys() - _KEYS:
        raise AuditError(f"{where} has the entry {min(extra)!r}, which Keras does not write")
    for key, expected in _LAYERS.get(name, {}).items():
        if value["config"][key] != expected:
            raise AuditError(
                f"{where} has a {name} with {key}={value['config'][key]}; only {expected} is "
                "allowed"
            )


def _count_weights(layers: list[dict[str, Any]]) -> int:
    """Compute the shape of each layer's output, and count the weights of all layers."""
    n_weights = 0
    shape: list[int] = []
    for layer in layers:
        name, config = layer["class_name"], layer["config"]
        if name == "InputLayer":
            shape = config["batch_shape"][1:]
        elif name == "Reshape":
            if math.prod(shape) != math.prod(config["target_shape"]):
                raise AuditError(
                    f"its network reshapes {shape} to {config['target_shape']}; both must have "
                    "the same number of values"
                )
            shape = config["target_shape"]
        elif name == "ZeroPadding1D":
            shape = [shape[0] + sum(config["padding"]), *shape[1:]]
        elif name == "Dense":
            n_weights += (shape[-1] + 1) * config["units"]
            shape = [*shape[:-1], config["units"]]
        elif name == "Conv2D":
            height, width = config["kernel_size"]
            n_weights += (height * width * shape[2] + bool(config["use_bias"])) * config["filters"]
            if config["padding"] == "valid":
                shape = [shape[0] - height + 1, shape[1] - width + 1, shape[2]]
            shape = [*shape[:2], config["filters"]]
        elif name == "BatchNormalization":
            n_weights += 4 * shape[-1]
        elif name == "Activation":
            continue
        elif name == "Dropout":
            if not 0 <= config["rate"] < 1:
                raise AuditError(
                    f"its network has a Dropout of {config['rate']}; only 0 and more, and less "
                    "than 1, are allowed"
                )
            continue
        elif name == "Flatten":
            shape = [math.prod(shape)]
        elif name in _LAYERS:  # pooling
            if config["strides"] != config["pool_size"]:
                raise AuditError(
                    f"its network pools {config['pool_size']} values in steps of "
                    f"{config['strides']}; both must be the same"
                )
            height, width = config["pool_size"]
            shape = [shape[0] // height, shape[1] // width, shape[2]]
        else:
            raise AuditError(
                f"its network has a layer {name}; only {', '.join(_LAYERS)} are allowed"
            )
        if not all(type(length) is int and 0 < length <= _MAX_LENGTH for length in shape):
            raise AuditError(
                f"its network has a layer {name} with output of shape {shape}; only "
                f"integers from 1 to {_MAX_LENGTH:,} are allowed"
            )
    return n_weights


def _count_values(content: bytes) -> int:
    """Count the numbers in an HDF5 file, which must hold nothing else."""
    import h5py

    n_values = 0
    with h5py.File(io.BytesIO(content), "r") as file:
        stack: list[tuple[Any, int]] = [(file, 0)]
        n_items = 0
        while stack:
            group, depth = stack.pop()
            for name in group:
                n_items += 1
                if depth > _MAX_DEPTH or n_items > _MAX_ITEMS:
                    raise AuditError(
                        "the weights of its network are nested too deeply or too many; only "
                        f"{_MAX_DEPTH} levels and {_MAX_ITEMS:,} items are allowed"
                    )
                if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                    raise AuditError(
                        f"the weights of its network have a link, {name!r}; only groups and "
                        "arrays are allowed"
                    )
                item = group[name]
                if isinstance(item, h5py.Group):
                    stack.append((item, depth + 1))
                else:
                    n_values += _check_dataset(item, name)
    return n_values


def _check_dataset(item: Any, name: str) -> int:
    import h5py

    if not isinstance(item, h5py.Dataset) or item.dtype.kind not in "fiu":
        raise AuditError(
            f"the weights of its network hold {name!r}; only arrays of numbers are allowed"
        )
    properties = item.id.get_create_plist()
    if item.is_virtual or properties.get_external_count():
        raise AuditError(
            f"the weights of its network take {name!r} from another file; every array must be in "
            "the model file itself"
        )
    if properties.get_layout() == h5py.h5d.CHUNKED or properties.get_nfilters():
        raise AuditError(
            f"the weights of its network hold {name!r} compressed or in chunks; only contiguous, "
            "uncompressed arrays are allowed"
        )
    n_bytes = item.id.get_storage_size()
    if item.shape is None or n_bytes != item.nbytes:
        raise AuditError(
            f"the weights of its network hold {n_bytes:,} bytes of {name!r}, which is not what "
            f"its shape {item.shape} and type {item.dtype} require"
        )
    return int(item.size)
