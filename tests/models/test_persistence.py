"""Models survive their files; nothing of a stranger's file is run or even made."""

import io
import json
import pickle
import runpy
import subprocess
import sys
import zipfile
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.calibration import CalibratedClassifierCV
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import InconsistentVersionWarning, NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import (
    FixedThresholdClassifier,
    PredefinedSplit,
    TunedThresholdClassifierCV,
)
from sklearn.pipeline import Pipeline

from skcomic import (
    BalancedHalvingSearchCV,
    BalancedRandomizedSearchCV,
    CostScorer,
    ImageVectorizer,
    ModelFileError,
    load,
    make_comic_pipeline,
    save,
    select_parsimonious,
)
from skcomic.models.archive import FORMAT, MANIFEST, PIPELINE, pack, read_manifest

NETWORK = "networks/0.keras"
DATA = Path(__file__).parent / "data"
Edit = Callable[[Any], Any]


@pytest.fixture(scope="module")
def pipeline(faces: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    model = make_comic_pipeline(
        vectorize__size=12,
        vectorize__cache=tmp_path_factory.mktemp("cache"),
        classify__first_units=4,
        classify__filters=4,
        classify__epochs=1,
        classify__random_state=np.random.default_rng(0),
    )
    return model.fit(faces.path, faces.label)


@pytest.fixture(scope="module")
def file(pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "model.skcomic"
    save(pipeline, path)
    return path


def assert_same(model: Any, again: Any, X: Any, y: Any) -> None:
    assert np.array_equal(again.predict_proba(X), model.predict_proba(X))
    assert np.array_equal(again.predict(X), model.predict(X))
    assert again.score(X, y) == model.score(X, y)
    assert again.classes_.dtype == model.classes_.dtype
    assert again.classes_.tolist() == model.classes_.tolist()


def test_a_pipeline_comes_back(pipeline: Pipeline, file: Path, faces: pd.DataFrame) -> None:
    again = load(file)
    assert_same(pipeline, again, faces.path, faces.label)
    net, net_again = pipeline["classify"], again["classify"]
    for name in ("history_", "n_iter_", "training_time_", "multiply_adds_", "n_parameters_"):
        assert getattr(net_again, name) == getattr(net, name)
    assert pipeline["vectorize"].cache is not None
    assert again["vectorize"].cache is None  # a folder of another machine
    generators = net.random_state.bit_generator, net_again.random_state.bit_generator
    assert generators[0].state == generators[1].state


def test_training_goes_on_as_it_would_have(
    stripes, small_net, fingerprint, tmp_path: Path
) -> None:
    rows, labels = stripes
    labels = labels.astype(object)
    net = small_net(epochs=1, random_state=np.random.RandomState(3), warm_start=True)
    net.fit(rows, labels)
    save(net, tmp_path / "net")
    again = load(tmp_path / "net")
    assert_same(net, again, rows, labels)
    for other in (net, again):
        other.partial_fit(rows, labels).fit(rows, labels)
    assert fingerprint(again) == fingerprint(net)
    assert again.history_ == net.history_
    assert again.n_iter_ == 3


@pytest.mark.parametrize("kind", ["calibrated", "isotonic", "tuned", "fixed", "cross"])
def test_what_is_around_it_comes_back(
    kind: str, stripes, small_net, pipeline: Pipeline, faces: pd.DataFrame, tmp_path: Path
) -> None:
    X, y = faces.path, faces.label
    if kind == "cross":
        X, y = stripes[0], (stripes[1] == "down").astype(int) * 7 - 3
    ready = FrozenEstimator(pipeline)
    model = {
        "calibrated": CalibratedClassifierCV(ready),
        "isotonic": CalibratedClassifierCV(ready, method="isotonic"),
        "tuned": TunedThresholdClassifierCV(pipeline, cv="prefit", refit=False),
        "fixed": FixedThresholdClassifier(ready, threshold=0.4, pos_label="comics"),
        "cross": CalibratedClassifierCV(small_net(epochs=1, precision="mixed_bfloat16"), cv=2),
    }[kind].fit(X, y)
    save(model, tmp_path / "model")
    assert_same(model, load(tmp_path / "model"), X, y)
    assert len(read_manifest(tmp_path / "model")["networks"]) == (2 if kind == "cross" else 1)


def test_searches_come_back(stripes, small_net, tmp_path: Path) -> None:
    rows, labels = stripes[0], stripes[1] == "down"
    settings = {
        "estimator": small_net(epochs=1),
        "param_distributions": {"pooling": ["average", "max"]},
        "n_iter": 2,
        "balance_on": "pooling",
        "scoring": CostScorer(True),
        "refit": select_parsimonious(0.1, "multiply_adds"),
        "cv": PredefinedSplit(np.repeat([-1, 0], 30)),
        "n_jobs": 1,
    }
    search = BalancedRandomizedSearchCV(**settings).fit(rows, labels)
    halving = BalancedHalvingSearchCV(**settings, resource="epochs")
    vars(halving).update(vars(search))  # as if it had found the same
    for kind in (search, halving):
        save(kind, tmp_path / "search")
        again = load(tmp_path / "search")
        assert type(again) is type(kind)
        assert np.array_equal(again.predict_proba(rows), search.predict_proba(rows))
        assert again.best_params_ == search.best_params_
        assert again.classes_.tolist() == [False, True]
        assert again.cv_results_.keys() == search.cv_results_.keys()
        for name, values in search.cv_results_.items():
            assert list(again.cv_results_[name]) == list(values), name


def test_no_member_is_a_pickle(file: Path) -> None:
    contents = all_contents(file.read_bytes())
    assert len(contents) > 5
    for content in contents:
        assert content[:1] != pickle.PROTO  # as all pickles of protocol 2 and later begin
        with pytest.raises((pickle.UnpicklingError, KeyError, ValueError, EOFError, IndexError)):
            pickle.loads(content)


def all_contents(content: bytes) -> list[bytes]:
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return [content]
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return [part for name in archive.namelist() for part in all_contents(archive.read(name))]


@pytest.mark.parametrize("number", range(1, FORMAT + 1))
def test_a_file_of_each_format_is_loaded(number: int) -> None:
    rows = runpy.run_path(str(DATA / "make_model.py"))["rows"](12 * 12)
    path = DATA / f"model_format_{number}.skcomic"
    assert read_manifest(path)["format"] == number
    assert path.stat().st_size < 60_000
    other = is_of_another_sklearn(path)
    with pytest.warns(InconsistentVersionWarning) if other else nullcontext():
        model = load(path)
    expected = json.loads(path.with_suffix(".json").read_text())
    np.testing.assert_allclose(model["classify"].predict_proba(rows), expected, atol=1e-5)
    assert model.classes_.tolist() == ["comics", "faces"]
    assert model["vectorize"].size == 12
    repr(model["classify"].get_params())  # parameters that came later have their defaults


def test_a_search_of_format_1_is_still_loaded(tmp_path: Path) -> None:
    """It was saved by the last version that named classes by their modules in files."""
    path = DATA / "search_format_1.skcomic"
    with (
        pytest.warns(InconsistentVersionWarning) if is_of_another_sklearn(path) else nullcontext()
    ):
        search = load(path)
    assert type(search) is BalancedRandomizedSearchCV
    assert repr(search.scorer_) == "CostScorer(positive='comics')"
    assert type(search.refit) is type(select_parsimonious())
    assert (search.refit.tolerance, search.refit.cost) == (0.005, "multiply_adds")
    rows = runpy.run_path(str(DATA / "make_model.py"))["rows"](12 * 12)
    expected = json.loads(path.with_suffix(".json").read_text())
    again = search.best_estimator_["classify"].predict_proba(rows)
    np.testing.assert_allclose(again, expected, atol=1e-5)
    save(search, tmp_path / "again")
    assert names_in(tmp_path / "again") == {
        "skcomic.BalancedRandomizedSearchCV", "skcomic.ConvNetClassifier", "skcomic.CostScorer",
        "skcomic.ImageVectorizer", "skcomic.ParsimoniousChoice",
    }  # fmt: skip
    assert "skcomic.classifier.ConvNetClassifier" in names_in(path)
    assert read_manifest(path)["format"] == 1


def names_in(path: Path) -> set[str]:
    """The classes of skcomic in a model file, by the names that it has for them."""
    pipeline = members_of(members_of(path.read_bytes())[PIPELINE])
    found, waiting = set(), [json.loads(pipeline["schema.json"])]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            waiting += part.values()
            if str(part.get("__module__")).startswith("skcomic"):
                found.add(f"{part['__module__']}.{part['__class__']}")
        elif isinstance(part, list):
            waiting += part
    return found


def is_of_another_sklearn(path: Path) -> bool:
    return read_manifest(path)["versions"]["scikit-learn"] != sklearn.__version__


def test_parameters_that_came_later_have_their_defaults(file: Path, tmp_path: Path) -> None:
    def make_older(tree: dict[str, Any]) -> None:
        vectorizer = tree["content"]["content"]["steps"]["content"][0]["content"][1]["content"]
        del vectorizer["content"]["resample"], vectorizer["key_types"]["content"][0]

    vectorizer = load(repacked(file, PIPELINE, schema(make_older), tmp_path / "older"))[0]
    assert vectorizer.get_params()["resample"] == "box"


def test_what_cannot_be_saved_is_named_and_nothing_is_written(
    pipeline: Pipeline, stripes, small_net, tmp_path: Path
) -> None:
    path = tmp_path / "model"
    rows, labels = stripes
    net = pipeline["classify"]
    odd = Pipeline([("vectorize", ImageVectorizer(12)), ("classify", net)])
    odd["vectorize"].size = range(12, 13)
    with pytest.raises(NotFittedError):
        save(small_net(), path)
    with pytest.raises(TypeError, match="DummyClassifier: it has no trained ConvNetClassifier"):
        save(DummyClassifier().fit(rows, labels), path)
    with pytest.raises(TypeError, match=r"save this Pipeline: the model\.steps\[0\]\[1\]\.size h"):
        save(odd, path)
    odd["vectorize"].size = 12
    odd.steps.append(("dummy", DummyClassifier().fit(rows, labels)))
    with pytest.raises(
        TypeError, match=r"holds sklearn\.dummy\.DummyClassifier, which a model file must not"
    ):
        save(odd, path)
    net.class_weight = {True: 1, False: 2}  # would both come back as True
    with pytest.raises(TypeError, match=r"class_weight.* holds builtins\.bool"):
        save(net, path)
    net.class_weight = {1: 1, "1": 2}
    with pytest.raises(TypeError, match="keys that are the same once they are text"):
        save(net, path)
    net.class_weight = None
    with pytest.raises(ValueError, match="about must be plain data"):
        save(net, path, about={"net": net})
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_the_former_file(
    pipeline: Pipeline, tmp_path: Path, largest_file
) -> None:
    path = tmp_path / "model"
    path.write_text("former")
    noise = np.random.default_rng(0).bytes(50_000).hex()
    with largest_file(60_000), pytest.raises(OSError, match="cannot write it"):
        save(pipeline, path, about={"noise": noise})
    assert [each.read_text() for each in tmp_path.iterdir()] == ["former"]


# What is no model file at all.


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is empty"),
        (pickle.dumps([1]), "no model file but a pickle, which can run any code"),
        (b"\xff\xd8\xff\xe0 JFIF", "no model file but a JPEG image"),
        (b"\x89HDF\r\n", "no model file but an HDF5 file"),
        (b"a text", "no model file but something else"),
    ],
)
def test_other_files_are_told_for_what_they_are(
    content: bytes, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=message) as refused:
        load(path)
    assert refused.value.path == str(path)
    assert pickle.loads(pickle.dumps(refused.value)).reason == refused.value.reason
    with pytest.raises(ModelFileError, match="it is a folder"):
        load(tmp_path)


def members_of(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def add(name: str, content: bytes = b"x", method: int = zipfile.ZIP_DEFLATED) -> Edit:
    def edit(whole: bytes) -> bytes:
        buffer = io.BytesIO(whole)
        with zipfile.ZipFile(buffer, "a", method) as archive:
            archive.writestr(name, content)
        return buffer.getvalue()

    return edit


def manifest_with(**entries: Any) -> Edit:
    def edit(whole: bytes) -> bytes:
        members = members_of(whole)
        told = json.loads(members[MANIFEST]) | entries
        return zipped(members | {MANIFEST: json.dumps(told).encode()})

    return edit


def swapped(name: str, content: bytes) -> Edit:
    return lambda whole: zipped(members_of(whole) | {name: content})


def without(name: str) -> Edit:
    return lambda whole: zipped({n: c for n, c in members_of(whole).items() if n != name})


def lying_about_size(whole: bytes) -> bytes:
    """State in the directory, where zip looks, that the network has ten bytes."""
    at = whole.rindex(NETWORK.encode()) - 46
    assert whole[at : at + 4] == b"PK\x01\x02"
    return whole[: at + 24] + (10).to_bytes(4, "little") + whole[at + 28 :]


def encrypted(whole: bytes) -> bytes:
    at = whole.rindex(NETWORK.encode()) - 46
    return whole[: at + 8] + b"\x01" + whole[at + 9 :]


def flipped(whole: bytes) -> bytes:
    return whole[:900] + bytes([whole[900] ^ 1]) + whole[901:]


OUTER = {
    "truncated": (lambda whole: whole[:-100], "it is damaged"),
    "a flipped bit": (flipped, "damaged"),
    "not ours": (lambda _: zipped({"a": b"b"}), "an archive without 'manifest.json'"),
    "newer": (manifest_with(format=3, skcomic="9.1"), r"format 3, written by skcomic 9\.1"),
    "format 0": (manifest_with(format=0), "format 0, which does not exist"),
    "no format": (manifest_with(format=True), "has no valid 'format'"),
    "deep JSON": (swapped(MANIFEST, b"[" * 99_999), "manifest is no JSON"),
    "slip": (add("../evil.py"), r"'\.\./evil\.py' would leave the archive"),
    "absolute": (add("/etc/cron.d/evil"), "'/etc/cron.d/evil' would leave the archive"),
    "backslash": (add("..\\evil.py"), "would leave the archive"),
    "a pickle": (add("model.pkl", pickle.dumps(1)), "'model.pkl' is none that a model file has"),
    "unlisted": (add("networks/1.keras"), "disagree about 'networks/1.keras'"),
    "missing": (without(NETWORK), f"disagree about '{NETWORK}'"),
    "checksum": (swapped(NETWORK, b"other"), "SHA-256 of its member 'networks/0.keras' is not"),
    "bomb": (add("networks/1.keras", bytes(3_000_000)), r"take 3,\d+,\d+ bytes once unpacked"),
    "lying size": (lying_about_size, "damaged"),
    "encrypted": (encrypted, "is encrypted"),
    "bzip2": (add("networks/1.keras", b"x", zipfile.ZIP_BZIP2), "in a way that skcomic never"),
}


@pytest.mark.parametrize("attack", OUTER)
def test_attacks_on_the_archive(attack: str, file: Path, tmp_path: Path) -> None:
    edit, message = OUTER[attack]
    path = tmp_path / "model"
    path.write_bytes(edit(file.read_bytes()))
    with pytest.raises(ModelFileError, match=message):
        load(path, max_bytes=2_000_000)


def test_two_members_of_one_name(file: Path, tmp_path: Path) -> None:
    path = tmp_path / "model"
    with pytest.warns(UserWarning, match="Duplicate name"):
        path.write_bytes(add(NETWORK)(file.read_bytes()))
    with pytest.raises(ModelFileError, match="two members of the name 'networks/0"):
        load(path)


def repacked(file: Path, name: str, edit: Callable[[bytes], bytes], path: Path) -> Path:
    """Change one member as its author could: with the right sums."""
    members = members_of(file.read_bytes())
    manifest = json.loads(members.pop(MANIFEST))
    path.write_bytes(pack(manifest, members | {name: edit(members[name])}))
    return path


def schema(change: Callable[[dict[str, Any]], None]) -> Edit:
    def edit(content: bytes) -> bytes:
        members = members_of(content)
        tree = json.loads(members["schema.json"])
        change(tree)
        return zipped(members | {"schema.json": json.dumps(tree).encode()})

    return edit


def node(kind: str, name: str, **others: Any) -> Edit:
    """Put another node where the verbosity of the pipeline is."""
    module, _, cls = name.rpartition(".")
    new = {"__loader__": kind, "__module__": module, "__class__": cls, "__id__": 1, **others}
    return schema(lambda tree: tree["content"]["content"].update(verbose=new))


def array(content: bytes) -> Edit:
    def edit(whole: bytes) -> bytes:
        new = {"__loader__": "NdArrayNode", "__module__": "numpy", "__class__": "ndarray"}
        new |= {"__id__": 1, "type": "numpy", "file": "1.npy"}
        whole = schema(lambda tree: tree["content"]["content"].update(verbose=new))(whole)
        return zipped(members_of(whole) | {"1.npy": content})

    return edit


def npy(values: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=True)
    return buffer.getvalue()


def generator(tree: dict[str, Any]) -> None:
    text = json.dumps(tree).replace('\\"PCG64\\"', '\\"seed\\"')
    tree.update(json.loads(text))


def same_number(tree: dict[str, Any]) -> None:
    content = tree["content"]["content"]
    content["verbose"]["__id__"] = content["steps"]["__id__"]


EMPTY = {"__loader__": "TupleNode", "__module__": "builtins", "__class__": "tuple", "__id__": 2}
EMPTY |= {"content": []}
PIPELINES = {
    "os.system": (node("FunctionNode", "os.system"), r"verbose holds os\.system, which a model"),
    "eval": (node("TypeNode", "builtins.eval"), r"holds builtins\.eval"),
    "joblib": (
        node("ObjectNode", "joblib.numpy_pickle.NumpyArrayWrapper", content=EMPTY),
        r"holds joblib\.numpy_pickle\.NumpyArrayWrapper",
    ),
    "function transformer": (
        node("ObjectNode", "sklearn.preprocessing._function_transformer.FunctionTransformer"),
        "FunctionTransformer, which a model file must not hold",
    ),
    "partial": (node("PartialNode", "functools.partial"), "as a PartialNode"),
    "method": (node("MethodNode", "sklearn.pipeline.Pipeline"), "as a MethodNode"),
    "operator": (node("OperatorFuncNode", "operator.methodcaller"), "as a OperatorFuncNode"),
    "reduce": (node("ConstructorFromReduceNode", "pathlib.Path"), "ConstructorFromReduceNode"),
    "a list that is none": (node("ListNode", "os.system", content=[]), r"os\.system"),
    "not a node": (schema(lambda tree: tree["content"]["content"].update(verbose=3)), "at the"),
    "deep JSON": (
        node("JsonNode", "builtins.str", is_json=True, content="[" * 99_999),
        r"not as skops writes it, at the model\.verbose",
    ),
    "a class that never was": (
        node("ObjectNode", "skcomic.nets.ConvNetClassifier"),
        r"holds skcomic\.nets\.ConvNetClassifier, which a model file must not",
    ),
    "a private name": (
        node("ObjectNode", "skcomic.run_study"), r"holds skcomic\.run_study, which a model"
    ),
    "odd key": (schema(lambda tree: tree.update(module_path="os")), "not as skops writes it"),
    "old protocol": (schema(lambda tree: tree.update(protocol=0)), "not of protocol 2 of skops"),
    "numpy.random.seed": (schema(generator), r"a generator of numpy\.random\.seed"),
    "same number": (schema(same_number), "gives two things the number"),
    "a pickled array": (array(npy(np.array([{}]))), "holds objects, which are pickles"),
    "a lying array": (
        array(npy(np.zeros(3)).replace(b"(3,)", b"(9,)")), r"not as large as its shape \(9,\)"
    ),
    "no array": (array(b"PK nothing"), "none that numpy wrote"),
    "a pickle": (lambda whole: zipped(members_of(whole) | {"a.pkl": b"."}), "that is no array"),
    "compressed": (lambda whole: zipped(members_of(whole), zipfile.ZIP_DEFLATED), "is compressed"),
    "not zipped": (lambda whole: pickle.dumps(whole), "its pipeline is damaged"),
    "nothing": (schema(lambda tree: tree.clear()), "not of protocol"),
}  # fmt: skip


@pytest.mark.parametrize("attack", PIPELINES)
def test_attacks_on_the_pipeline(attack: str, file: Path, tmp_path: Path) -> None:
    edit, message = PIPELINES[attack]
    with pytest.raises(ModelFileError, match=message):
        load(repacked(file, PIPELINE, edit, tmp_path / "model"))


def config(change: Callable[[dict[str, Any]], Any]) -> Edit:
    def edit(content: bytes) -> bytes:
        members = members_of(content)
        tree = json.loads(members["config.json"])
        change(tree)
        return zipped(members | {"config.json": json.dumps(tree).encode()})

    return edit


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
        return zipped(members | {"model.weights.h5": buffer.getvalue()})

    return edit


def external(opened: h5py.Group) -> None:
    opened.create_dataset("x", (4,), "f4", external=[("/etc/passwd", 0, 16)])


def virtual(opened: h5py.Group) -> None:
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "x", (4,))
    opened.create_virtual_dataset("x", layout)


FUNCTION = {"module": "os", "class_name": "function", "config": "system", "registered_name": None}
LAMBDA = {"class_name": "__lambda__", "config": {"value": "4wEA"}, "registered_name": None}
NETWORKS = {
    "Lambda": (layer(class_name="Lambda"), "a Lambda layer, which runs code"),
    "lambda": (setting(activation=LAMBDA), "Lambda layer, which runs code"),
    "custom": (layer(registered_name="mine>Layer"), r"custom object, .*mine>Layer"),
    "module": (layer(module="subprocess"), r"custom object, subprocess\.Dense"),
    "function": (setting(activation=FUNCTION), r"activation holds a os\.function, which"),
    "name": (setting(activation="os.system"), r"activation is 'os\.system', which no network"),
    "TFSMLayer": (layer(class_name="TFSMLayer"), r"keras\.layers\.TFSMLayer, which build_convnet"),
    "lookup": (
        layer(class_name="StringLookup", config={"vocabulary": "/etc/passwd"}), "StringLookup"
    ),
    "no class": (setting(kernel_regularizer={"module": "os"}), "an object without a class"),
    "compiled": (
        config(lambda tree: tree.update(compile_config={"loss": "mse"})), "settings of training"
    ),
    "a part": (layer(build_from="x"), "has a part 'build_from'"),
    "stride": (
        config(lambda tree: tree["config"]["layers"][3]["config"].update(strides=[9, 9])),
        r"a Conv2D with strides=\[9, 9\]",
    ),
    "huge": (setting(units=10**9), r"has [\d,]+ weights, but \d+ values are kept"),
    "no layers": (config(lambda tree: tree["config"].pop("layers")), "not as Keras writes it"),
    "assets": (lambda whole: zipped(members_of(whole) | {"assets/a": b"."}), "'assets/a'"),
    "soft link": (weights(lambda h5: h5.update(x=h5py.SoftLink("/layers"))), "have a link, 'x'"),
    "file link": (
        weights(lambda h5: h5.update(x=h5py.ExternalLink("/etc/passwd", "/"))), "have a link, 'x'"
    ),
    "external": (weights(external), "take 'x' from another file"),
    "virtual": (weights(virtual), "take 'x' from another file"),
    "objects": (
        weights(lambda h5: h5.create_dataset("x", data=["a"], dtype=h5py.string_dtype())),
        "'x', which is no array of numbers",
    ),
    "compressed": (
        weights(lambda h5: h5.create_dataset("x", data=np.zeros(9), compression="gzip")),
        "'x' compressed or in chunks",
    ),
    "endless": (weights(lambda h5: h5.update(x=h5["/"])), "nested without end"),
    "hollow": (weights(lambda h5: h5.create_dataset("x", (10**9,), "f4")), "state a larger 'x'"),
    "no HDF5": (
        lambda whole: zipped(members_of(whole) | {"model.weights.h5": b"."}), "no HDF5 file"
    ),
}  # fmt: skip


@pytest.mark.parametrize("attack", NETWORKS)
def test_attacks_on_the_network(attack: str, file: Path, tmp_path: Path) -> None:
    edit, message = NETWORKS[attack]
    with pytest.raises(ModelFileError, match=message):
        load(repacked(file, NETWORK, edit, tmp_path / "model"))


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
    with pytest.raises(ModelFileError, match="goes from 144 pixels to 1, its network not"):
        load(repacked(file, NETWORK, lambda _: other, tmp_path / "model"))

    members = members_of(file.read_bytes())
    manifest = json.loads(members.pop(MANIFEST))
    members["networks/7.keras"] = members[NETWORK]
    (tmp_path / "two").write_bytes(pack(manifest, members))
    with pytest.raises(ModelFileError, match="nothing in it belongs to its member 'networks/7"):
        load(tmp_path / "two")


def test_folders_that_a_stranger_names_are_not_used(file: Path, tmp_path: Path) -> None:
    def name_folders(tree: dict[str, Any]) -> None:
        folder = {"__loader__": "JsonNode", "__module__": "builtins", "__class__": "str"}
        folder |= {"__id__": 1, "is_json": True, "content": json.dumps(str(tmp_path / "theirs"))}
        content = tree["content"]["content"]
        content["memory"] = folder
        vectorizer = content["steps"]["content"][0]["content"][1]
        vectorizer["content"]["content"]["cache"] = folder

    model = load(repacked(file, PIPELINE, schema(name_folders), tmp_path / "model"))
    assert model.memory is None
    assert model["vectorize"].cache is None


def test_the_manifest_is_read_without_tensorflow(file: Path) -> None:
    program = (
        "import sys; from skcomic.models.archive import read_manifest\n"
        f"print(read_manifest({str(file)!r})['classes'], "
        "{'tensorflow', 'keras', 'skops', 'pandas', 'sklearn'} & set(sys.modules))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stdout == "['comics', 'faces'] set()\n"
