"""A network in a file is one that skcomic makes, and belongs to its classifier."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from model_files import NETWORK, Edit, config, members_of, repacked, schema

from skcomic import ModelFileError, SmallNetClassifier, load, save
from skcomic.models.archive import MANIFEST, PIPELINE, pack, zip_members


def layer(number: int = 2, **entries: Any) -> Edit:
    return config(lambda tree: tree["config"]["layers"][number].update(entries))


def setting(**entries: Any) -> Edit:
    return config(lambda tree: tree["config"]["layers"][2]["config"].update(entries))


def weights(change: Callable[[h5py.Group], Any]) -> Edit:
    def edit(content: bytes) -> bytes:
        members = members_of(content)
        buffer = io.BytesIO(members["model.weights.h5"])
        with h5py.File(buffer, "r+") as opened:
            change(opened)
        return zip_members(members | {"model.weights.h5": buffer.getvalue()})

    return edit


def add_external(opened: h5py.Group) -> None:
    opened.create_dataset("x", (4,), "f4", external=[("/etc/passwd", 0, 16)])


def add_virtual(opened: h5py.Group) -> None:
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "x", (4,))
    opened.create_virtual_dataset("x", layout)


def with_endless_sides(tree: dict[str, Any]) -> None:
    """The number of weights has more than the 4,300 digits that Python prints of an integer."""
    layers = tree["config"]["layers"]
    layers[0]["config"]["batch_shape"] = [None, 10**4200, 10**4200, 1]
    layers[1]["config"]["target_shape"] = [10**4200, 10**4200, 1]


def add_many(opened: h5py.Group) -> None:
    group = opened.create_group("many")
    for number in range(10_001):
        group[str(number)] = opened["layers"]


FUNCTION = {"module": "os", "class_name": "function", "config": "system", "registered_name": None}
LAMBDA = {"class_name": "__lambda__", "config": {"value": "4wEA"}, "registered_name": None}
NETWORKS = {
    "Lambda": (
        layer(class_name="Lambda"),
        "a Lambda layer, which runs code of the file's author; only",
    ),
    "lambda": (setting(activation=LAMBDA), "Lambda layer, which runs code"),
    "custom": (layer(registered_name="mine>Layer"), r"custom object, .*mine>Layer"),
    "module": (layer(module="subprocess"), r"custom object, subprocess\.Dense"),
    "function": (
        setting(activation=FUNCTION),
        r"activation holds a os\.function; only the layers of",
    ),
    "name": (
        setting(activation="os.system"),
        r"activation is 'os\.system'; only bfloat16, channels_last, ",
    ),
    "TFSMLayer": (
        layer(class_name="TFSMLayer"),
        r"keras\.layers\.TFSMLayer; only the layers of skcomic's networks",
    ),
    "lookup": (
        layer(class_name="StringLookup", config={"vocabulary": "/etc/passwd"}),
        "StringLookup",
    ),
    "no class": (setting(kernel_regularizer={"module": "os"}), "an object without a class_name"),
    "compiled": (
        config(lambda tree: tree.update(compile_config={"loss": "mse"})),
        r"settings of training \(compile_config\)",
    ),
    "a part": (layer(build_from="x"), "has the entry 'build_from', which Keras"),
    "stride": (
        config(lambda tree: tree["config"]["layers"][3]["config"].update(strides=[9, 9])),
        r"a Conv2D with strides=\[9, 9\]; only \[1, 1\] is allowed",
    ),
    "huge": (setting(units=10**9), r"have [\d,]+ weights, but its file holds \d+ values"),
    "no layers": (config(lambda tree: tree["config"].pop("layers")), "not as Keras writes it"),
    "assets": (
        lambda whole: zip_members(members_of(whole) | {"assets/a": b"."}),
        "has the member 'assets/a'; it must have config.json, metadata.json, model",
    ),
    "soft link": (weights(lambda h5: h5.update(x=h5py.SoftLink("/layers"))), "have a link, 'x'"),
    "file link": (
        weights(lambda h5: h5.update(x=h5py.ExternalLink("/etc/passwd", "/"))),
        "have a link, 'x'",
    ),
    "external": (weights(add_external), "take 'x' from another file"),
    "virtual": (weights(add_virtual), "take 'x' from another file"),
    "objects": (
        weights(lambda h5: h5.create_dataset("x", data=["a"], dtype=h5py.string_dtype())),
        "hold 'x'; only arrays of numbers",
    ),
    "compressed": (
        weights(lambda h5: h5.create_dataset("x", data=np.zeros(9), compression="gzip")),
        "'x' compressed or in chunks",
    ),
    "endless": (
        weights(lambda h5: h5.update(x=h5["/"])),
        "nested too deeply or too many; only 8 levels and 10,000 items",
    ),
    "hollow": (
        weights(lambda h5: h5.create_dataset("x", (10**9,), "f4")),
        r"hold 0 bytes of 'x', which is not what its shape \(1000000000,\) and type float32 req",
    ),
    "no HDF5": (
        lambda whole: zip_members(members_of(whole) | {"model.weights.h5": b"."}),
        "cannot be read as an HDF5 file",
    ),
    "no weights": (
        lambda whole: zip_members(
            {name: content for name, content in members_of(whole).items() if "weights" not in name}
        ),
        "lacks the member 'model.weights.h5'",
    ),
    "functional": (
        config(lambda tree: tree.update(class_name="Flatten", module="keras.layers")),
        "its network is a Flatten; only a Sequential is allowed",
    ),
    "another layer": (
        layer(class_name="Zeros", module="keras.initializers"),
        "has a layer Zeros; only InputLayer, ",
    ),
    "reshape": (
        config(lambda tree: tree["config"]["layers"][1]["config"].update(target_shape=[9, 9, 1])),
        r"reshapes \[144\] to \[9, 9, 1\]; both must have the same number of values",
    ),
    "no units": (
        setting(units=-1),
        r"a layer Dense with output of shape \[12, 12, -1\]; only integers from 1",
    ),
    "numbers too long to print": (
        config(with_endless_sides),
        "layer InputLayer with output of shape .* only integers from 1 to 2,147,483,647 are allow",
    ),
    "no shape": (
        weights(lambda h5: h5.create_dataset("x", data=h5py.Empty("f4"))),
        "'x', which is not what its shape None and",
    ),
    "many": (weights(add_many), "nested too deeply or too many"),
}


@pytest.mark.parametrize("attack", NETWORKS)
def test_attacks_on_the_network(attack: str, file: Path, tmp_path: Path) -> None:
    edit, message = NETWORKS[attack]
    with pytest.raises(ModelFileError, match=message):
        load(repacked(file, NETWORK, edit, tmp_path / "model"))


def test_attacks_on_padding(small_file: Path, tmp_path: Path) -> None:
    def edit_padding(padding: str):
        return config(lambda tree: tree["config"]["layers"][2]["config"].update(padding=padding))

    for padding, message in (("causal", "padding is 'causal'; only"), ("valid", "weights")):
        with pytest.raises(ModelFileError, match=message):
            load(repacked(small_file, NETWORK, edit_padding(padding), tmp_path / "model"))


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"pool_size": [0, 2], "strides": [0, 2]}, "not as Keras writes it .ZeroDivisionError"),
        ({"pool_size": [-2, 2], "strides": [-2, 2]}, "only integers from 1"),
        ({"pool_size": [4, 4]}, r"pools \[4, 4\] values in steps of \[1, 1\]; both must be the"),
        ({"padding": "same"}, "padding is 'same'; only|a MaxPooling2D with padding=same"),
    ],
)
def test_attacks_on_pooling(small_file: Path, tmp_path: Path, entries, message: str) -> None:
    edit = config(lambda tree: tree["config"]["layers"][3]["config"].update(entries))
    with pytest.raises(ModelFileError, match=message):
        load(repacked(small_file, NETWORK, edit, tmp_path / "model"))


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"axis": 1}, "a BatchNormalization with axis=1; only -1 is allowed"),
        ({"renorm": True}, "a BatchNormalization with renorm=True; only False is allowed"),
        ({"gamma_initializer": FUNCTION}, "a custom object, os.function|holds a os.function"),
    ],
)
def test_attacks_on_the_normalisation(
    small_file: Path, tmp_path: Path, entries, message: str
) -> None:
    edit = config(lambda tree: tree["config"]["layers"][7]["config"].update(entries))
    with pytest.raises(ModelFileError, match=message):
        load(repacked(small_file, NETWORK, edit, tmp_path / "model"))


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"rate": 1}, "a Dropout of 1; only 0 and more"),
        ({"rate": None}, "not as Keras writes it .TypeError"),
        ({"seed": 2**70}, "a Dropout with seed=1180591620717411303424; only 0 is allowed"),
        ({"noise_shape": [1]}, "a Dropout with noise_shape=.1.; only None is allowed"),
    ],
)
def test_attacks_on_dropout(small_file: Path, tmp_path: Path, entries, message: str) -> None:
    edit = config(lambda tree: tree["config"]["layers"][-2]["config"].update(entries))
    with pytest.raises(ModelFileError, match=message):
        load(repacked(small_file, NETWORK, edit, tmp_path / "model"))


@pytest.fixture(scope="module")
def small_file(stripes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("small") / "net.skcomic"
    net = SmallNetClassifier(first_pool=1, n_conv=1, filters=4, epochs=1, random_state=0)
    save(net.fit(*stripes), path)
    return path


def test_what_keras_itself_makes_of_a_lambda(file: Path, tmp_path: Path) -> None:
    from skcomic.nets.backend import import_keras

    keras = import_keras()
    poisoned = keras.Sequential([keras.Input((4,)), keras.layers.Lambda(lambda x: x * 2)])
    poisoned.save(tmp_path / "poisoned.keras")
    content = (tmp_path / "poisoned.keras").read_bytes()
    with pytest.raises(ModelFileError, match="Lambda layer, which runs code"):
        load(repacked(file, NETWORK, lambda _: content, tmp_path / "model"))


def test_parts_that_do_not_belong_together(file: Path, stripes, small_net, tmp_path: Path) -> None:
    rows, labels = stripes
    save(small_net(epochs=1).fit(rows, labels), tmp_path / "other")
    other = members_of((tmp_path / "other").read_bytes())[NETWORK]
    with pytest.raises(
        ModelFileError, match="from 64 to 1 values, but its classifier from 144 to 1"
    ):
        load(repacked(file, NETWORK, lambda _: other, tmp_path / "model"))

    members = members_of(file.read_bytes())
    manifest = json.loads(members.pop(MANIFEST))
    members["networks/7.keras"] = members[NETWORK]
    (tmp_path / "two").write_bytes(pack(manifest, members))
    with pytest.raises(
        ModelFileError, match="no classifier in it has the network of its member 'networks/7"
    ):
        load(tmp_path / "two")


def test_the_state_of_another_optimizer_is_refused(file: Path, tmp_path: Path) -> None:
    def leave_out_a_variable(tree: dict[str, Any]) -> None:
        stack = [tree]
        while stack:
            part = stack.pop()
            if isinstance(part, dict):
                if "optimizer" in part:
                    part["optimizer"]["content"].pop()
                stack += part.values()
            elif isinstance(part, list):
                stack += part

    path = repacked(file, PIPELINE, schema(leave_out_a_variable), tmp_path / "model")
    with pytest.raises(ModelFileError, match="the state of its optimizer does not fit its netw"):
        load(path)
