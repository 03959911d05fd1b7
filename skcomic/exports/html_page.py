"""A model -> one page that classifies images in a browser, without a network.

The page is made of `page.html`, `page.css`, `page_model.js` (pixels and steps) and `page.js` (what
one sees). It may run no script but its own, and may fetch nothing.
"""

import base64
import html
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from skcomic.exports.source import ModelSource, Predict
from skcomic.images.decoding import PathLike
from skcomic.models.plan import Plan

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
_SECONDS = 300
# A browser writes a page out as soon as all of it has loaded: a frame that is still being written
# keeps it waiting until the answer is there.
_QUESTION = """
const frame = document.createElement("iframe");
document.body.append(frame);
frame.contentDocument.open();
(async () => {
  const answer = document.createElement("pre");
  answer.id = "answer";
  try {
    const values = JSON.parse(document.getElementById("values").textContent);
    answer.textContent = JSON.stringify(await (@function@)(values));
  } catch (error) {
    answer.textContent = JSON.stringify({ error: String(error) });
  }
  document.body.append(answer);
  frame.contentDocument.close();
})();
"""
_CLASSIFY_ROWS = """(values) => {
  const rows = floatsOf(values.rows);
  const starts = Array.from({ length: values.n }, (_, i) => i * values.width);
  return starts.map((at) => [...classify(plan, rows.subarray(at, at + values.width))]);
}"""
_CLASSIFY_FILES = """async (files) => {
  const answers = [];
  for (const file of files) {
    try {
      const { probabilities } = await classifyImage(plan, new Blob([bytesOf(file)]));
      answers.push([...probabilities]);
    } catch (error) {
      answers.push(error.message);
    }
  }
  return answers;
}"""


def plan_to_html(plan: Plan, source: ModelSource) -> bytes:
    """Write a model as a page that classifies images in a browser.

    Parameters
    ----------
    plan : Plan
        Of a model that takes image files.
    source : ModelSource
        Where it comes from, which the page tells.

    Returns
    -------
    content : bytes
        HTML with all that it needs.

    Raises
    ------
    ValueError
        If the model takes rows, or resizes images by another filter than "box".

    Notes
    -----
    Of the same pixels, the page computes what `run_plan` does, and resizes them as Pillow does.
    The pixels differ where a browser decodes a file in another way than Pillow: colours of a JPEG
    file are converted before they become grey; levels of 16 bits are cut or rounded to 8; partly
    transparent pixels are rounded once more; an image that is rotated by its EXIF data is rotated
    before it is resized. Some browsers add noise to what a page reads of an image, on purpose.
    Which formats can be read depends on the browser; most read AVIF, BMP, GIF, JPEG, PNG and WebP.
    """
    if plan.images is None:
        raise ValueError(
            "a model that takes rows cannot be written as a page, which takes image files: fit "
            "and save it with its ImageVectorizer"
        )
    if plan.images["resample"] != "box":
        raise ValueError(
            f"a page resizes images by the filter 'box', not by {plan.images['resample']!r}: fit "
            "the model with resample='box'"
        )
    style, script = _read("page.css"), _read("page_model.js") + _read("page.js")
    parts = {
        "style": style,
        "style_hash": _hash(style),
        "script": script,
        "script_hash": _hash(script),
        "model": _to_json(_describe(plan, source)),
    }
    return re.sub(r"@(\w+)@", lambda mark: parts[mark[1]], _read("page.html")).encode()


def open_html(content: bytes) -> Predict:
    """Return what computes probabilities by the page of a model, in headless Chromium.

    Parameters
    ----------
    content : bytes
        Of `plan_to_html`.

    Returns
    -------
    predict : callable
        Takes rows of shape (n_images, n_pixels), float32, of grey levels in [0, 1]; returns
        probabilities of shape (n_images, n_classes), float32. Each call starts the browser, and
        raises a FileNotFoundError if there is none, or an OSError if it gives no answer.
    """

    def predict(rows: np.ndarray) -> np.ndarray:
        encoded = base64.b64encode(rows.astype("<f4").tobytes()).decode()
        values = {"rows": encoded, "n": len(rows), "width": rows.shape[1]}
        return np.array(_ask_page(content, _CLASSIFY_ROWS, values), dtype=np.float32)

    return predict


def run_html_on_files(content: bytes, paths: Sequence[PathLike]) -> np.ndarray:
    """Compute probabilities of image files by the page of a model, in headless Chromium.

    Parameters
    ----------
    content : bytes
        Of `plan_to_html`.
    paths : sequence of str or path-like
        Image files; the browser gets all of them at once.

    Returns
    -------
    probabilities : ndarray of shape (n_images, n_classes), float32
        In the order of the classes of the plan.

    Raises
    ------
    ValueError
        If the page refuses a file; the message is its.
    FileNotFoundError
        If there is no Chromium.
    OSError
        If it gives no answer.
    """
    files = [base64.b64encode(Path(path).read_bytes()).decode() for path in paths]
    answers = _ask_page(content, _CLASSIFY_FILES, files)
    for path, answer in zip(paths, answers, strict=True):
        if isinstance(answer, str):
            raise ValueError(f"{os.fspath(path)}: {answer}")
    return np.array(answers, dtype=np.float32)


def _read(name: str) -> str:
    return resources.files("skcomic.exports").joinpath(name).read_text("utf-8")


def _hash(text: str) -> str:
    """Name a script or a style, so that the page's policy lets it in, and no other."""
    return f"sha256-{base64.b64encode(sha256(text.encode()).digest()).decode()}"


def _to_json(values: Any) -> str:
    """Write values so that no text in them can end the script that they are in."""
    return json.dumps(values, allow_nan=False).replace("<", "\\u003c")


def _describe(plan: Plan, source: ModelSource) -> dict[str, Any]:
    steps, weights = [], []
    for step in plan.steps:
        shapes = {name: array.shape for name, array in step.arrays.items()}
        steps.append({"kind": step.kind, "numbers": step.numbers, "arrays": shapes})
        weights += [array.astype("<f4").tobytes() for array in step.arrays.values()]
    return {
        "images": plan.images,
        "classes": [str(label) for label in plan.classes],
        "is_mirrored": plan.is_mirrored,
        "steps": steps,
        "weights": base64.b64encode(b"".join(weights)).decode(),
    } | source._asdict()


def find_browser() -> str:
    """Return the path of Chromium; raise a FileNotFoundError if there is none."""
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if browser is None:
        raise FileNotFoundError(
            "a page cannot be checked without a browser: install Chromium, or pass check=None "
            "(--no-check)"
        )
    return browser


def _ask_page(content: bytes, function: str, values: Any) -> Any:
    """Open the page in a browser; return what a JavaScript function gives there for values."""
    browser = find_browser()
    with tempfile.TemporaryDirectory(prefix="skcomic-", ignore_cleanup_errors=True) as folder:
        page = Path(folder, "page.html")
        page.write_bytes(_with_question(content, function, values))
        sandbox = [] if os.geteuid() else ["--no-sandbox"]  # the superuser can have none
        command = [
            browser, "--headless", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            *sandbox, f"--user-data-dir={folder}/profile", "--dump-dom", page.as_uri(),
        ]  # fmt: skip
        try:
            result = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False)
        except subprocess.TimeoutExpired as error:
            raise OSError(f"{browser} gave no answer in {_SECONDS} s") from error
    found = re.search(r'<pre id="answer">(.*?)</pre>', result.stdout.decode(), re.DOTALL)
    if found is None:
        said = result.stderr.decode(errors="replace").strip()[-500:]
        raise OSError(f"{browser} gave no answer: {said}")
    answer = json.loads(html.unescape(found[1]))
    if isinstance(answer, dict) and "error" in answer:
        raise OSError(f"the page failed in {browser}: {answer['error']}")
    return answer


def _with_question(content: bytes, function: str, values: Any) -> bytes:
    """Add a script to a page, which its policy then lets in as well."""
    script = _QUESTION.replace("@function@", function)
    data = f'<script type="application/json" id="values">{_to_json(values)}</script>'
    end = f"{data}<script>{script}</script></body>"
    page = content.replace(b"script-src ", f"script-src '{_hash(script)}' ".encode(), 1)
    return page.replace(b"</body>", end.encode(), 1)
