"""What a network of a model file may hold: checked before Keras reads any of it.

Keras' own `safe_mode` has been got round before; it is not relied on.
"""

import io
import math
import re
from typing import Any

from skcomic.models.archive import AuditError, read_json, read_stored

_NETWORK_MEMBERS = {"metadata.json", "config.json", "model.weights.h5"}

# Layers of `build_convnet`: what of their configuration is as it always is.
_CONVOLUTION = {
    "strides": [1, 1], "padding": "valid", "dilation_rate": [1, 1], "groups": 1,
    "data_format": "channels_last", "use_bias": True,
}  # fmt: skip
_POOLING = {
    "pool_size": [2, 2], "strides": [2, 2], "padding": "valid", "data_format": "channels_last",
}  # fmt: skip
_LAYERS: dict[str, dict[str, Any]] = {
    "InputLayer": {"sparse": False, "ragged": False},
    "Reshape": {},
    "ZeroPadding1D": {},
    "Dense": {"use_bias": True},
    "Conv2D": _CONVOLUTION,
    "AveragePooling2D": _POOLING,
    "MaxPooling2D": _POOLING,
    "Activation": {},
    "Flatten": {},
}
_MODULES = {
    "Sequential": "keras",
    "DTypePolicy": "keras",
    "GlorotUniform": "keras.initializers",
    "Zeros": "keras.initializers",
} | dict.fromkeys(_LAYERS, "keras.layers")
_WORDS = {
    "float32", "mixed_bfloat16", "bfloat16", "linear", "relu", "sigmoid", "softmax", "valid",
    "channels_last",
}  # fmt: skip
_NAME = re.compile(r"[a-z0-9_]{1,64}")
_PARTS = {
    "module", "class_name", "config", "registered_name", "build_config", "compile_config",
    "shared_object_id",
}  # fmt: skip


def audit_network(content: bytes) -> None:
    """Refuse a Keras file that is not of such a network as `build_convnet` makes.

    Parameters
    ----------
    content : bytes
        A ``.keras`` file.

    Raises
    ------
    AuditError
        It names what is not allowed.
    """
    members = read_stored(content, "network")
    if members.keys() != _NETWORK_MEMBERS:
        odd = sorted(members.keys() ^ _NETWORK_MEMBERS)
        raise AuditError(f"its network has other members than Keras writes for one: {odd[0]!r}")
    config = read_json(members["config.json"], "the configuration of its network")
    try:
        _check_config(config, "the network")
        if config["class_name"] != "Sequential":
            raise AuditError(f"its network is a {config['class_name']}, no Sequential")
        n_weights = _count_weights(config["config"]["layers"])
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise AuditError("the configuration of its network is not as Keras writes it") from error
    try:
        n_values = _count_values(members["model.weights.h5"])
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise AuditError(
            f"the weights of its network are no HDF5 file that can be read: {error}"
        ) from error
    if n_values != n_weights:
        raise AuditError(
            f"its network has {n_weights:,} weights, but {n_values:,} values are kept"
        )


def _check_config(value: Any, where: str) -> None:
    """Look through a configuration for anything but plain values and the classes above."""
    if isinstance(value, dict):
        if "class_name" in value:
            _check_class(value, where)
        elif "module" in value or "registered_name" in value:
            raise AuditError(f"{where} holds an object without a class")
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
        if value not in _WORDS:
            raise AuditError(f"{where} is {value!r}, which no network of skcomic has")
    elif not isinstance(value, int | float | None):
        raise TypeError(value)


def _check_class(value: dict[str, Any], where: str) -> None:
    name, module, registered = value["class_name"], value.get("module"), value["registered_name"]
    if name in ("Lambda", "__lambda__"):
        raise AuditError(f"{where} holds a Lambda layer, which runs code of the file's author")
    if registered is not None or (name in _MODULES and module != _MODULES[name]):
        raise AuditError(
            f"{where} holds a custom object, {module}.{name} ({registered}): only the layers of "
            "build_convnet are loaded"
        )
    if name not in _MODULES:
        raise AuditError(f"{where} holds a {module}.{name}, which build_convnet never makes")
    if value.get("compile_config"):
        raise AuditError(f"{where} has settings of training, compile_config: skcomic has its own")
    if extra := value.keys() - _PARTS:
        raise AuditError(f"{where} has a part {sorted(extra)[0]!r}, which skcomic never saves")
    for key, usual in _LAYERS.get(name, {}).items():
        if value["config"][key] != usual:
            raise AuditError(
                f"{where} has a {name} with {key}={value['config'][key]}, not {usual}"
            )


def _count_weights(layers: list[dict[str, Any]]) -> int:
    """Follow the shape of an image through the layers, and count the weights that they need."""
    n_weights = 0
    shape: list[int] = []
    for layer in layers:
        name, config = layer["class_name"], layer["config"]
        if name == "InputLayer":
            shape = config["batch_shape"][1:]
        elif name == "Reshape":
            if math.prod(shape) != math.prod(config["target_shape"]):
                raise AuditError(f"its network reshapes {shape} to {config['target_shape']}")
            shape = config["target_shape"]
        elif name == "ZeroPadding1D":
            shape = [shape[0] + sum(config["padding"]), *shape[1:]]
        elif name == "Dense":
            n_weights += (shape[-1] + 1) * config["units"]
            shape = [*shape[:-1], config["units"]]
        elif name == "Conv2D":
            height, width = config["kernel_size"]
            n_weights += (height * width * shape[2] + 1) * config["filters"]
            shape = [shape[0] - height + 1, shape[1] - width + 1, config["filters"]]
        elif name == "Activation":
            continue
        elif name == "Flatten":
            shape = [math.prod(shape)]
        elif name in _LAYERS:  # pooling
            shape = [shape[0] // 2, shape[1] // 2, shape[2]]
        else:
            raise AuditError(f"its network has a layer that is a {name}")
        if not all(type(length) is int and length > 0 for length in shape):
            raise AuditError(f"its network has a {name} that gives the shape {shape}")
    return n_weights


def _count_values(content: bytes) -> int:
    """Count the numbers in an HDF5 file that holds nothing else."""
    import h5py

    n_values = 0
    with h5py.File(io.BytesIO(content), "r") as file:
        waiting: list[tuple[Any, int]] = [(file, 0)]
        n_seen = 0
        while waiting:
            group, depth = waiting.pop()
            for name in group:
                n_seen += 1
                if depth > 8 or n_seen > 10_000:
                    raise AuditError("the weights of its network are nested without end")
                if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                    raise AuditError(f"the weights of its network have a link, {name!r}")
                item = group[name]
                if isinstance(item, h5py.Group):
                    waiting.append((item, depth + 1))
                else:
                    n_values += _check_dataset(item, name)
    return n_values


def _check_dataset(item: Any, name: str) -> int:
    import h5py

    if not isinstance(item, h5py.Dataset) or item.dtype.kind not in "fiu":
        raise AuditError(f"the weights of its network hold {name!r}, which is no array of numbers")
    plan = item.id.get_create_plist()
    if item.is_virtual or plan.get_external_count():
        raise AuditError(f"the weights of its network take {name!r} from another file")
    if plan.get_layout() == h5py.h5d.CHUNKED or plan.get_nfilters():
        raise AuditError(f"the weights of its network hold {name!r} compressed or in chunks")
    if item.shape is None or item.id.get_storage_size() != item.nbytes:
        raise AuditError(f"the weights of its network state a larger {name!r} than they hold")
    return int(item.size)
