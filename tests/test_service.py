"""The service of the user guide, asked by FastAPI's own client."""

import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pandas as pd
import pytest
from PIL import Image

from skcomic import make_contenders, save

testclient = pytest.importorskip("fastapi.testclient", reason="FastAPI is not installed")

PAGE = Path(__file__).parent.parent / "docs/guide/model_file.rst"


@pytest.fixture(scope="module")
def client(faces: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    code = re.search(r"   :name: a-service\n\n((?:   .*\n|\n)+)", PAGE.read_text())[1]
    folder = tmp_path_factory.mktemp("service")
    model = make_contenders(16, random_state=0)["hog"].fit(faces.path, faces.label)
    save(model, folder / "model.skcomic")
    service = types.ModuleType("service")
    sys.modules["service"] = service  # FastAPI reads annotations of the functions' module
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        exec(dedent(code), vars(service))
    with testclient.TestClient(vars(service)["app"]) as client:
        yield client
    del sys.modules["service"]


def test_images_are_classified(client: Any, faces: pd.DataFrame) -> None:
    for path, label in zip(faces.path[:6], faces.label[:6], strict=True):
        answer = client.post("/predict", content=Path(path).read_bytes())
        assert answer.status_code == 200
        assert answer.json()["label"] == label
        assert set(answer.json()["probabilities"]) == {"comics", "faces"}


def test_what_is_no_image_is_refused_with_the_reason(client: Any, tmp_path: Path) -> None:
    answer = client.post("/predict", content=b"GIF89a is what this text begins with")
    assert answer.status_code == 422
    assert answer.json()["detail"]
    path = tmp_path / "bomb.png"
    Image.new("1", (20_000, 20_000)).save(path)
    answer = client.post("/predict", content=path.read_bytes())
    assert answer.status_code == 422
    assert "20000 x 20000 pixels are more than the limit" in answer.json()["detail"]
    assert client.post("/predict", content=b"").status_code == 422


def test_large_uploads_are_refused(client: Any) -> None:
    answer = client.post("/predict", content=b"x" * 10_000_001)
    assert answer.status_code == 413
    assert answer.json() == {"detail": "send at most 10000000 bytes"}
