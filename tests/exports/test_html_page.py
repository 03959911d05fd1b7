"""A model as a page: what is in it, and what it computes in headless Chromium."""

import base64
import html
import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from image_files import encoded
from PIL import Image
from untrained import ready_classifier

from skcomic import (
    ConvNetClassifier,
    ImageVectorizer,
    TemperatureScaledClassifier,
    make_contenders,
)
from skcomic.exports import html_page
from skcomic.exports.html_page import open_html, plan_to_html, run_html_on_files
from skcomic.exports.source import ModelSource
from skcomic.images.decoding import read_raster, resize_grey
from skcomic.images.grey import Background, to_grey
from skcomic.models.interpreter import run_plan
from skcomic.models.plan import Plan, Step
from skcomic.models.planning import make_plan

MOST = 1e-5  # of the differences of probabilities of the same pixels
SOURCE = ModelSource("1.2.3", "0f" * 32)
HOSTILE = [
    "</script><img src=x onerror=alert(1)>",
    "a*/b",
    "'\"`${1}",
    "@script@",
    "ü\n漫\u2028画",
]
needs_chromium = pytest.mark.skipif(
    not any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))),
    reason="there is no chromium (Debian's package)",
)


def one_pixel_each(size: tuple[int, int], classes: Sequence[Any], **images: Any) -> Plan:
    """The plan of a model whose scores are its pixels: one for each class."""
    height, width = size
    weights = np.eye(height * width, len(classes), dtype=np.float32)
    dense = Step("dense", {}, {"weights": weights, "offset": np.zeros(len(classes), np.float32)})
    described = {"height": height, "width": width, "resample": "box", "background": "white"}
    return Plan(
        images=described | {"max_pixels": 10_000} | images, n_pixels=height * width,
        classes=list(classes), is_mirrored=False, steps=[dense, Step("softmax", {}, {})],
    )  # fmt: skip


def to_base64(data: bytes) -> str:
    """As the script of a question reads it."""
    return base64.b64encode(data).decode()


def described(content: bytes) -> Any:
    """The model that a page holds."""
    text = content.decode()
    return json.loads(
        re.findall(r'<script type="application/json" id="model">(.*)</script>', text)[0]
    )


@pytest.fixture(scope="module")
def rows(faces: pd.DataFrame) -> np.ndarray:
    return ImageVectorizer(16).fit_transform(faces.path)


@pytest.fixture(scope="module")
def plans(faces: pd.DataFrame, rows: np.ndarray) -> dict[str, Plan]:
    """Of all contenders, and of what they do not have; all take 16x16 pixels.

    Those that are trained on mirrored images too have the same steps as those that are not.
    """
    models = {}
    for name in make_contenders(16):
        if name == "small_3_2_1_mirrored" or not name.endswith("_mirrored"):
            models[name] = ready_classifier(name, rows, faces.label)
    models["temperature"] = TemperatureScaledClassifier.of_fitted(models["patches"], 2.5)
    three = np.arange(len(rows)) % 3
    models["three classes"] = make_contenders(16)["hog"][-1].fit(rows, three)
    models["one against the rest"] = ready_classifier("pixels_sgd", rows, three)
    net = ConvNetClassifier(first_units=3, filters=2, epochs=1, kernel_size=2, image_shape="pad")
    models["padded, even kernels"] = net.fit(rows[:, :250], three)
    images = one_pixel_each((16, 16), "ab").images
    plans = {name: make_plan(model)._replace(images=images) for name, model in models.items()}
    mirrored = {
        f"{name}_mirrored": plan._replace(is_mirrored=True)
        for name, plan in plans.items()
        if name.startswith("small") and not plan.is_mirrored
    }
    return plans | mirrored


@needs_chromium
def test_all_steps_give_the_probabilities_of_the_plans(
    plans: dict[str, Plan], rows: np.ndarray
) -> None:
    contents = {name: plan_to_html(plan, SOURCE) for name, plan in plans.items()}
    answers = html_page._ask_page(
        contents["hog"],
        """({ models, rows }) => models.map((model) => {
          const plan = readPlan(model);
          return rows.map((row) => [...classify(plan, Float32Array.from(row))]);
        })""",
        {"models": list(map(described, contents.values())), "rows": rows[::2].tolist()},
    )
    assert set(make_contenders(16)) - set(plans) == {
        "pixels_mirrored", "hog_mirrored", "patches_mirrored",
    }  # fmt: skip
    for plan, answer in zip(plans.values(), answers, strict=True):
        expected = run_plan(plan, rows[::2, : plan.n_pixels])
        np.testing.assert_allclose(answer, expected, rtol=0, atol=MOST)
        assert (np.argmax(answer, axis=1) == expected.argmax(axis=1)).all()


@needs_chromium
def test_rows_and_files_go_through_the_page(
    faces: pd.DataFrame, rows: np.ndarray, plans: dict[str, Plan], tmp_path: Path
) -> None:
    plan = plans["small_3_2_1_mirrored"]
    content = plan_to_html(plan, SOURCE)
    computed = open_html(content)(rows)
    assert (computed.dtype, computed.shape) == (np.float32, (len(rows), 2))
    np.testing.assert_allclose(computed, run_plan(plan, rows), rtol=0, atol=MOST)
    paths = []
    for number in range(12):
        with Image.open(faces.path[4 * number]) as image:
            image.save(tmp_path / f"{number}.png")
        paths.append(str(tmp_path / f"{number}.png"))
    expected = run_plan(plan, ImageVectorizer(16).fit_transform(paths))
    np.testing.assert_allclose(run_html_on_files(content, paths), expected, rtol=0, atol=MOST)
    (tmp_path / "text.jpg").write_text("no image")
    with pytest.raises(ValueError, match=r"text\.jpg: This is no image that the browser can read"):
        run_html_on_files(content, [*paths, tmp_path / "text.jpg"])


@needs_chromium
def test_photographs_are_answered_alike(faces: pd.DataFrame, real_dir: Path) -> None:
    paths = [
        path
        for folder in ("faces", "comics")
        for path in sorted((real_dir / folder).iterdir())[:6]
    ]
    model = make_contenders(16, random_state=0)["hog"].fit(faces.path, faces.label)
    computed = run_html_on_files(plan_to_html(make_plan(model), SOURCE), paths)
    np.testing.assert_allclose(computed, model.predict_proba(paths), rtol=0, atol=0.01)


def draw_images() -> dict[str, bytes]:
    """Files of all kinds of images, drawn at random, with soft edges."""
    random = np.random.default_rng(0)

    def draw(height: int, width: int, channels: int) -> Image.Image:
        small = random.integers(0, 256, (5, 7, channels), dtype=np.uint8)
        return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)

    exif = Image.Exif()
    exif[0x0112] = 6
    light = draw(40, 50, 4)
    light.paste((250, 240, 230), (0, 0, 50, 20))
    return {
        "colours.png": encoded(draw(64, 48, 3), "PNG"),
        "grey.png": encoded(draw(64, 48, 3).convert("L"), "PNG"),
        "palette.png": encoded(draw(31, 97, 3).quantize(20), "PNG"),
        "hidden.png": encoded(draw(40, 50, 4), "PNG"),
        "light.png": encoded(light, "PNG"),
        "all.webp": encoded(draw(33, 33, 4), "WEBP", lossless=True),
        "turned.jpg": encoded(draw(64, 96, 3).convert("L"), "JPEG", exif=exif, quality=95),
        "colours.jpg": encoded(draw(50, 70, 3), "JPEG", quality=95),
    }


@needs_chromium
def test_pixels_are_those_of_pillow(tmp_path: Path) -> None:
    images = draw_images()
    for name, data in images.items():
        (tmp_path / name).write_bytes(data)
    random = np.random.default_rng(0)
    colours = random.integers(0, 256, (61, 90, 4), dtype=np.uint8)
    grey = colours[..., 0].copy()
    backgrounds: list[Background] = ["white", "black", 77, "auto"]
    sizes = [
        (1, 1),
        (7, 13),
        (61, 90),
        (61, 45),
        (60, 89),
        (20, 30),
        (100, 200),
        (122, 31),
        (2, 85),
    ]
    answers = html_page._ask_page(
        plan_to_html(one_pixel_each((12, 16), "ab"), SOURCE),
        """async ({ files, backgrounds, colours, grey, sizes }) => {
          const rasters = [];
          for (const background of backgrounds) {
            const images = { ...plan.images, background };
            for (const file of files) {
              const blob = new Blob([bytesOf(file)]);
              rasters.push([...(await classifyImage({ ...plan, images }, blob)).raster]);
            }
          }
          const levels = Uint8Array.from(grey);
          return [
            rasters, sizes.map((size) => [...resizeGrey(levels, [61, 90], size)]),
            backgrounds.map((background) => [...toGrey(colours, background)]),
          ];
        }""",
        {
            "files": [to_base64(data) for data in images.values()],
            "backgrounds": backgrounds, "colours": colours.ravel().tolist(),
            "grey": grey.ravel().tolist(), "sizes": sizes,
        },
    )  # fmt: skip
    for size, raster in zip(sizes, answers[1], strict=True):
        assert raster == resize_grey(Image.fromarray(grey), size).ravel().tolist()
    for background, levels in zip(backgrounds, answers[2], strict=True):
        assert levels == np.ravel(to_grey(Image.fromarray(colours), background)).tolist()
    # Pixels of a canvas are rounded where they are partly transparent; an image that is turned
    # is so before it is resized; only the luma of a JPEG file is decoded by Pillow.
    most = dict.fromkeys(images, 0) | {
        "hidden.png": 1, "light.png": 1, "all.webp": 1, "turned.jpg": 1, "colours.jpg": 2,
    }  # fmt: skip
    rasters = iter(answers[0])
    for background in backgrounds:
        for name in images:
            expected = read_raster(tmp_path / name, (12, 16), background=background)
            differences = np.abs(np.array(next(rasters)) - expected.ravel().astype(int))
            assert differences.max() <= most[name], (name, background)


# Images are dropped, pasted and chosen, and there is no camera.
SHOW = """async (files) => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const texts = (selector) => all(selector).map((one) => one.textContent);
  const until = async (isSo) => {
    while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 10));
  };
  const transfers = files.map(([name, data]) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytesOf(data)], name));
    return transfer;
  });
  document.dispatchEvent(new DragEvent("drop", { dataTransfer: transfers[0] }));
  await until(() => all("article").length === 1);
  document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: transfers[1] }));
  await until(() => all("article").length === 2);
  document.querySelector("#files").files = transfers[2].files;
  document.querySelector("#files").dispatchEvent(new Event("change"));
  await until(() => all("article").length === 3);
  document.querySelector("#start").click();
  await until(() => texts("#refusal")[0] !== "");
  return {
    title: document.title, chips: texts("#classes li"), heads: texts("article h2"),
    names: texts("article .name"), failures: texts("article .failure"),
    bars: texts("article:last-child .bars span"), facts: texts("dd"), said: texts("#status"),
    refusal: texts("#refusal"), markup: all("img, b").length,
    isWide: document.documentElement.scrollWidth > window.innerWidth,
  };
}"""


@needs_chromium
def test_what_one_sees_is_text_in_cards(tmp_path: Path) -> None:
    content = plan_to_html(one_pixel_each((2, 3), HOSTILE), SOURCE)
    grey = Image.fromarray(np.array([[0, 255, 0], [0, 0, 0]], dtype=np.uint8))
    files = [
        ["<b>first</b>.png", encoded(grey, "PNG")],
        ["text.jpg", b"no image"],
        ["large.png", encoded(Image.new("L", (101, 100)), "PNG")],
    ]
    files = [[name, to_base64(data)] for name, data in files]
    page = tmp_path / "page.html"
    page.write_bytes(html_page._with_question(content, SHOW, files))
    result = subprocess.run(
        [next(filter(None, map(shutil.which, html_page._BROWSERS))), "--headless", "--no-sandbox",
         "--disable-gpu", "--enable-logging=stderr", f"--user-data-dir={tmp_path / 'profile'}",
         "--window-size=500,900", "--dump-dom", page.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert "CONSOLE" not in result.stderr
    found = re.search(r'<pre id="answer">(.*?)</pre>', result.stdout, re.DOTALL)
    assert found is not None
    said = json.loads(html.unescape(found[1]))
    probabilities = np.exp([1, 0, 0, 0, 0]) / np.exp([1, 0, 0, 0, 0]).sum()
    texts = [f"{100 * probability:.1f} %" for probability in probabilities]
    shown = list(zip([HOSTILE[i] for i in (1, 0, 2, 3, 4)], texts, strict=True))
    failures = [
        "This image has 101 x 100 pixels; the model takes images of at most 10,000 pixels.",
        "This is no image that the browser can read.",
    ]
    assert said == {
        "title": f"Image classifier: {', '.join(HOSTILE)}".replace("\n", " "),
        "chips": HOSTILE,
        "heads": ["No answer", "No answer", f"a*/b {texts[0]}"],
        "names": ["large.png", "text.jpg", "<b>first</b>.png"],
        "failures": failures,
        "bars": [text for both in shown for text in both],
        "facts": ["3 x 2 pixels, grey", "140 bytes", "skcomic 1.2.3", "0f" * 32],
        "said": [f"large.png: {failures[0]}"],
        "refusal": ["The browser gives this page no camera; choose a file."],
        "markup": 0,
        "isWide": False,
    }


def test_the_page_fetches_nothing_and_names_its_own_script_only() -> None:
    content = plan_to_html(one_pixel_each((2, 3), HOSTILE), SOURCE).decode()
    assert "default-src 'none'" in content
    assert "unsafe" not in content
    assert not re.search(r"https?:|//[a-z]|url\(|@import|\bfetch\b|XMLHttp|\bsrc=[\"']", content)
    assert content.count("</script>") == 2
    assert "@script@" in described(content.encode())["classes"]  # a name, and not replaced


def test_labels_that_are_no_text_are_written_as_python_does() -> None:
    content = plan_to_html(one_pixel_each((1, 3), [True, 2, 1.0]), ModelSource("1", ""))
    assert described(content)["classes"] == ["True", "2", "1.0"]


def test_what_cannot_be_a_page_is_refused() -> None:
    plan = one_pixel_each((2, 3), "ab")
    with pytest.raises(ValueError, match="a model that takes rows cannot be written as a page"):
        plan_to_html(plan._replace(images=None), SOURCE)
    with pytest.raises(ValueError, match="not by 'lanczos': fit the model with resample='box'"):
        plan_to_html(one_pixel_each((2, 3), "ab", resample="lanczos"), SOURCE)


def test_without_a_browser_nothing_is_checked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    content = plan_to_html(one_pixel_each((2, 3), "ab"), SOURCE)
    with pytest.raises(FileNotFoundError, match="install Chromium, or pass check=None"):
        open_html(content)(np.zeros((1, 6), dtype=np.float32))
    (tmp_path / "chromium").write_text("#!/bin/sh\necho no display >&2\nexit 1\n")
    (tmp_path / "chromium").chmod(0o755)
    with pytest.raises(OSError, match="gave no answer: no display"):
        open_html(content)(np.zeros((1, 6), dtype=np.float32))
