"""A pipeline in a file holds data and known classes only; nothing else is made of it."""

import io
import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_files import Edit, members_of, repacked, schema

from skcomic import ModelFileError, load
from skcomic.models.archive import PIPELINE, zip_members


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
        return zip_members(members_of(whole) | {"1.npy": content})

    return edit


def npy_bytes(values: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=True)
    return buffer.getvalue()


def npy_header(shape: tuple[int, ...]) -> bytes:
    buffer = io.BytesIO()
    header = {"descr": "<f8", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, header)
    return buffer.getvalue()


def with_other_generator(tree: dict[str, Any]) -> None:
    text = json.dumps(tree).replace('\\"PCG64\\"', '\\"seed\\"')
    tree.update(json.loads(text))


def with_repeated_id(tree: dict[str, Any]) -> None:
    content = tree["content"]["content"]
    content["verbose"]["__id__"] = content["steps"]["__id__"]


def with_keys_in_a_tuple(tree: dict[str, Any]) -> None:
    types = tree["content"]["key_types"]
    types |= {"__loader__": "TupleNode", "__class__": "tuple"}


def with_a_list_as_key_type(tree: dict[str, Any]) -> None:
    key = tree["content"]["key_types"]["content"][0]
    key |= {"__loader__": "ListNode", "__class__": "list", "content": []}


EMPTY = {"__loader__": "TupleNode", "__module__": "builtins", "__class__": "tuple", "__id__": 2}
EMPTY |= {"content": []}
PIPELINES = {
    "os.system": (
        node("FunctionNode", "os.system"),
        r"verbose holds os\.system; a model file may hold only data",
    ),
    "eval": (node("TypeNode", "builtins.eval"), r"holds builtins\.eval"),
    "joblib": (
        node("ObjectNode", "joblib.numpy_pickle.NumpyArrayWrapper", content=EMPTY),
        r"holds joblib\.numpy_pickle\.NumpyArrayWrapper",
    ),
    "function transformer": (
        node("ObjectNode", "sklearn.preprocessing._function_transformer.FunctionTransformer"),
        "FunctionTransformer; a model file may hold only data, estimators of skcomic and",
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
        r"holds skcomic\.nets\.ConvNetClassifier; of skcomic's classes, a model file may hold "
        "only skcomic.BalancedHalvingSearchCV, ",
    ),
    "a private name": (
        node("ObjectNode", "skcomic.run_study"),
        r"holds skcomic\.run_study; of skcomic's classes, a",
    ),
    "odd key": (
        schema(lambda tree: tree.update(module_path="os")),
        "the model has the entry 'module_path'",
    ),
    "old protocol": (
        schema(lambda tree: tree.update(protocol=0)),
        "is of skops' protocol 0; only 2 is allowed",
    ),
    "numpy.random.seed": (
        schema(with_other_generator),
        r"a generator of numpy\.random\.seed; only MT19937, ",
    ),
    "same number": (schema(with_repeated_id), r"has the id \d+ of an object of another class"),
    "a pickled array": (
        array(npy_bytes(np.array([{}]))),
        "holds objects, which are pickles; only",
    ),
    "a lying array": (
        array(npy_bytes(np.zeros(3)).replace(b"(3,)", b"(9,)")),
        r"holds 24 bytes, which is not what its shape \(9,\) and type float64 require",
    ),
    "a shape too long to print": (
        array(npy_header((10**4000, 10**4000))),
        r"holds 0 bytes, which is not what its shape \(10+, 10+\) and type float64 require",
    ),
    "no array": (array(b"PK nothing"), r"'1\.npy' is not in numpy's format 1\.0 or 2\.0"),
    "a pickle": (
        lambda whole: zip_members(members_of(whole) | {"a.pkl": b"."}),
        r"has the member 'a\.pkl'; only 'schema\.json' and arrays",
    ),
    "compressed": (
        lambda whole: zip_members(members_of(whole), zipfile.ZIP_DEFLATED),
        "is compressed; its members must be stored uncompressed",
    ),
    "not zipped": (lambda whole: pickle.dumps(whole), "its pipeline is damaged"),
    "nothing": (
        schema(lambda tree: tree.clear()),
        "is of skops' protocol None; only 2 is allowed",
    ),
    "no schema": (
        lambda _: zip_members({"0.npy": npy_bytes(np.zeros(3))}),
        "has no member 'schema.json', which skops",
    ),
    "structured array": (
        array(npy_bytes(np.zeros(3, "f4,f4"))),
        r"values of the type \[.*; only booleans, numbers",
    ),
    "not text": (
        node("JsonNode", "builtins.str", is_json=True, content="[1]"),
        r"verbose holds a JSON list; only text, numbers, booleans and null are allowed",
    ),
    "no array of it": (
        node("NdArrayNode", "numpy.ndarray", type="numpy", file="99.npy"),
        r"verbose is in the array '99\.npy', which its pipeline does not have",
    ),
    "key types": (schema(with_keys_in_a_tuple), "has a TupleNode of key types, not a ListNode"),
    "type of a key": (schema(with_a_list_as_key_type), "has a ListNode as the type of a key"),
}


@pytest.mark.parametrize("attack", PIPELINES)
def test_attacks_on_the_pipeline(attack: str, file: Path, tmp_path: Path) -> None:
    edit, message = PIPELINES[attack]
    with pytest.raises(ModelFileError, match=message):
        load(repacked(file, PIPELINE, edit, tmp_path / "model"))


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
