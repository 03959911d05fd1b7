"""A study in a notebook: a real kernel runs the cells, and what they show is looked at."""

import re
from base64 import b64decode
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from PIL import Image

# Linear models: to import TensorFlow would take as long as all the rest.
SETUP = """
from skcomic import load_catalogue, make_contenders, run_study

images = load_catalogue({folder!r})
made = make_contenders(16, families=["classic"], random_state=0)
contenders = {{name: made[name] for name in ("pixels", "hog")}}
"""
STUDY = """
def report(progress):
    if progress.finished:
        print(progress.stage, "done")

study = run_study(images, contenders=contenders, sizes=[16], validation=2, n_jobs=1,
                  random_state=0, on_progress=report)
study
"""
FIGURE = "display = study.display().plot()"
DISPLAY = "study.display_robustness()"
ESTIMATOR = "study.pipeline"
SEARCH = """
from sklearn.callback import ProgressBar
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold

search = GridSearchCV(contenders["hog"], {"classify__classify__C": [0.01, 1]},
                      cv=StratifiedGroupKFold(2))
search = search.set_callbacks(ProgressBar()).fit(images.path, images.label, groups=images.pair)
"""

has_callbacks = find_spec("sklearn.callback") is not None  # scikit-learn 1.9


@pytest.fixture(scope="module")
def client(faces_dir: Path) -> NotebookClient:
    """What has run a notebook; a cell that fails raises an error."""
    cells = [SETUP.format(folder=str(faces_dir)), STUDY, FIGURE, ESTIMATOR, DISPLAY]
    cells += [SEARCH] if has_callbacks else []
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
    client = NotebookClient(notebook, timeout=120, kernel_name="python3")
    client.execute()
    return client


def outputs(client: NotebookClient, number: int) -> list[Any]:
    return client.nb.cells[number].outputs


def is_figure(encoded: str) -> bool:
    """Return whether a picture is large enough, and has dark lines on a light ground."""
    with Image.open(BytesIO(b64decode(encoded))) as image:
        low, high = image.convert("L").getextrema()
        return min(image.size) > 300 and low < 50 < 200 < high


def test_nothing_is_written_to_stderr(client: NotebookClient) -> None:
    streams = [
        output.name for cell in client.nb.cells for output in cell.outputs if "name" in output
    ]
    assert set(streams) == {"stdout"}
    assert outputs(client, 0) == []


def test_a_study_reports_its_stages_and_shows_its_scores(client: NotebookClient) -> None:
    *lines, shown = outputs(client, 1)
    stages = "".join(line.text for line in lines).splitlines()
    assert stages == [
        f"{stage} done" for stage in ("split", "search", "sizes", "test", "baselines")
    ]
    html = shown.data["text/html"]
    assert "on 16 images that nothing was tuned on" in html
    assert "<th>f_score</th>" in html
    assert html.count("<table") == 1


def test_a_display_is_shown_once_as_a_figure(client: NotebookClient) -> None:
    (shown,) = outputs(client, 2)
    assert is_figure(shown.data["image/png"])


def test_a_display_that_was_not_drawn_is_shown_as_its_figure(client: NotebookClient) -> None:
    (shown,) = outputs(client, 4)
    assert "image/png" not in shown.data
    (encoded,) = re.findall('src="data:image/png;base64,([^"]+)"', shown.data["text/html"])
    assert is_figure(encoded)


def test_the_pipeline_is_shown_as_a_diagram(client: NotebookClient) -> None:
    (shown,) = outputs(client, 3)
    assert "ImageVectorizer" in shown.data["text/html"]
    assert "sk-container" in shown.data["text/html"]


@pytest.mark.skipif(not has_callbacks, reason="needs scikit-learn 1.9")
def test_a_search_shows_a_bar_which_fills(client: NotebookClient) -> None:
    model_id = outputs(client, 5)[0].data["application/vnd.jupyter.widget-view+json"]["model_id"]
    (shown,) = client.widget_state[model_id]["outputs"]
    bars = shown["data"]["text/plain"].splitlines()
    assert "GridSearchCV - fit" in bars[0]
    assert len(bars) >= 6  # the search, and its four fits
    assert all("100%" in bar for bar in bars)
