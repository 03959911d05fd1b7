"""A card shows what its file says, and no value of a file changes its layout."""

import copy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from skcomic import ModelFileError, render_card, save
from skcomic.models.archive import FORMAT, pack

DATA = Path(__file__).parent / "data"

NET: dict[str, Any] = {
    "format": FORMAT,
    "skcomic": "0.1.0",
    "saved": "2026-11-24T22:41:47+00:00",
    "versions": {"scikit-learn": "1.9.1", "keras": "3.15.1"},
    "model": "ConvNetClassifier",
    "classes": [0, 1],
    "networks": [
        {"name": "4_max_1", "pixels": 144, "weights": 25_700, "epochs": 40,
         "precision": "float32", "cpu_seconds": 0.8966, "wall_seconds": 1.9663},
    ],
    "parameters": {"net": {"batch_size": 6}},
    "about": {},
}  # fmt: skip
SCORES = {"n": 40, "precision": 0.95, "recall": 0.9, "f_score": 0.92439}
STUDY: dict[str, Any] = NET | {
    "model": "Pipeline",
    "classes": ["comics", "faces"],
    "parameters": {"net": {"batch_size": 35}, "images": {"size": 12, "cache": None}},
    "about": {
        "catalogue": {"images": 120, "labels": 2, "pairs": 60},
        "split": {"train": 53, "validation": 27, "test": 40},
        "footprint": {"size": 12},
        "duplicates": {"exact": 3, "near": 2, "of_another_class": 0},
        "quarantine": [{"path": "faces/1.jpg"}],
        "candidates": [{"net": "4_max_1"}],
        "chosen_net": "4_max_1",
        "sizes": [{"net": "4_max_1_12"}],
        "saving": {"cost_share": 0.5},
        "chosen_size": 12,
        "test": SCORES | {"net": "4_max_1_12", "confusion": [[18, 2], [2, 18]]},
        "baselines": [SCORES | {"net": "Dummy", "precision": 0.5}],
        "settings": {"random_state": 0, "positive": "comics"},
        "versions": {"python": "3.11"},
        "stage_seconds": {"search": 3.0},
        "seconds": 3.0,
    },
}
CARD_OF_STUDY = r"""# 4_max_1_12: a classifier of comics, faces

## What it is

* A Pipeline with a convolutional network of skcomic, `4_max_1` (units at each pixel, pooling, convolutions): 25,700 parameters, computing in float32.
* File: `model.skcomic`, {n_bytes} bytes, format 3, saved 2026-11-24T22:41:47+00:00.
* It takes image files, and scales each to 12 x 12 grey pixels.
* Classes: `comics`, `faces`.

## What it was trained on

* 120 images of 2 classes, 60 pairs none of which was split: 53 for training and 27 for validation (they chose the net and the size of its images, and it was then trained again on both), 40 for the test.
* Copies among them: 3; images that look the same as others: 2. They stayed on one side of the split.
* Left out because they could not be read: 1 images.
* 40 epochs, 0.9 s of CPU time.
* Seed 0; batches of 35.
* With scikit-learn 1.9.1, keras 3.15.1, skcomic 0.1.0.

## How good it is

On 40 images that nothing was tuned on (precision, recall and F-score are of the class `comics`):

| classifier | precision | recall | F-score | accuracy | its 95 % interval |
|---|---|---|---|---|---|
| 4_max_1_12 | 0.9500 | 0.9000 | 0.9244 | 0.9000 | 0.7695 to 0.9604 |
| Dummy | 0.5000 | 0.9000 | 0.9244 | not known | not known |

The interval is Wilson's, for 40 independent images. The two images of a pair are not quite independent, so the true interval is somewhat wider.

| true \ predicted | comics | faces |
|---|---|---|
| comics | 18 | 2 |
| faces | 2 | 18 |

## Its limits

* It knows only its classes: an image of anything else is assigned to one of them, often with a high probability.
* It is for images like those that it was trained on; nothing was measured on others.
* It sees only grey pixels, and the whole image is scaled to its size without keeping the proportions.
* The scores are those of one split and one seed.
* Probabilities were not calibrated.

## How to use it

On the command line, with a CSV file of predictions:

```
skcomic predict model.skcomic FOLDER --out predictions.csv
```

In Python:

```python
model = skcomic.load('model.skcomic')
```

Loading the file runs no code in it.
"""  # noqa: E501

Render = Callable[..., str]
Edit = Callable[[dict[str, Any]], Any]


@pytest.fixture
def card_of(tmp_path: Path) -> Render:
    """Render the card of a file with a manifest, edited."""

    def render(
        manifest: dict[str, Any], edit: Edit | None = None, name: str = "model.skcomic"
    ) -> str:
        manifest = copy.deepcopy(manifest)
        if edit is not None:
            edit(manifest)
        (tmp_path / name).write_bytes(pack(manifest, {}))
        return render_card(tmp_path / name)

    return render


def leave_out(*keys: Any) -> Edit:
    def edit(manifest: dict[str, Any]) -> None:
        for key in keys[:-1]:
            manifest = manifest[key]
        del manifest[keys[-1]]

    return edit


def put(value: Any, *keys: Any) -> Edit:
    def edit(manifest: dict[str, Any]) -> None:
        for key in keys[:-1]:
            manifest = manifest[key]
        manifest[keys[-1]] = value

    return edit


def test_the_card_of_a_study(card_of: Render, tmp_path: Path) -> None:
    card = card_of(STUDY)
    n_bytes = (tmp_path / "model.skcomic").stat().st_size
    assert card == CARD_OF_STUDY.replace("{n_bytes}", str(n_bytes))


def test_the_card_of_a_net_alone(card_of: Render) -> None:
    card = card_of(NET)
    for line in (
        "# 4_max_1: a classifier of 0, 1",
        "* It takes rows of 144 grey pixels in [0, 1], not image files.",
        "* Not known: the file does not say on which images.",
        "Not known: the file describes no test. Try the model on images of your own that it was "
        "not trained on.",
        "* It is for images like those that it was trained on, which are not known; nothing "
        "was measured on others.",
        "* It sees only grey pixels.",
    ):
        assert line in card.splitlines()
    for text in ("skcomic predict", "one split", "|", "Seed", "None"):
        assert text not in card


@pytest.mark.parametrize(
    ("edit", "lines"),
    [
        (
            lambda manifest: manifest["about"]["duplicates"].update(near=None),
            ["* Copies among them: 3; images that look the same as others: not searched for, "
             "since the images are too small. They stayed on one side of the split."],
        ),
        (
            lambda manifest: manifest.update(
                model="CalibratedClassifierCV", networks=manifest["networks"] * 2
            ),
            ["* A CalibratedClassifierCV with 2 convolutional networks of skcomic, `4_max_1` "
             "(units at each pixel, pooling, convolutions): 25,700 parameters each, computing in "
             "float32.",
             "* Probabilities were calibrated."],
        ),
        (
            lambda manifest: manifest["about"]["settings"].update(positive=None),
            ["On 40 images that nothing was tuned on:"],
        ),
        (
            lambda manifest: manifest["about"].pop("settings"),
            ["On 40 images that nothing was tuned on:"],
        ),
        (
            lambda manifest: manifest["about"]["settings"].pop("positive"),
            ["On 40 images that nothing was tuned on:"],
        ),
        (
            lambda manifest: manifest["about"]["test"].pop("confusion"),
            ["| 4_max_1_12 | 0.9500 | 0.9000 | 0.9244 | not known | not known |"],
        ),
        (
            lambda manifest: manifest["parameters"]["images"].update(size=[12, 16]),
            ["* It takes image files, and scales each to 12 x 16 grey pixels."],
        ),
        (
            lambda manifest: [
                manifest.pop("saved"), manifest["about"]["duplicates"].pop("near"),
                manifest["about"]["settings"].pop("random_state"),
            ],
            ["* Copies among them: 3; images that look the same as others: unknown. They stayed "
             "on one side of the split.",
             "* Seed unknown; batches of 35."],
        ),
        (
            lambda manifest: manifest["about"].pop("split"),
            ["* Not known: the file does not say on which images.", "* Seed 0; batches of 35."],
        ),
        (
            lambda manifest: manifest["about"].update(note="made by hand", numbers=[1, None]),
            ["## Further information", "* note: made by hand", "* numbers: \\[1, None\\]"],
        ),
    ],
)  # fmt: skip
def test_lines_that_depend_on_the_manifest(edit: Edit, lines: list[str], card_of: Render) -> None:
    former = card_of(STUDY).splitlines()
    card = card_of(STUDY, edit).splitlines()
    for line in lines:
        assert line in card
        assert line not in former or line.startswith("* Seed")


@pytest.mark.parametrize("absent", ["duplicates", "quarantine", "baselines", "test"])
def test_what_a_study_did_not_do_is_left_out(absent: str, card_of: Render) -> None:
    of_it = {
        "duplicates": "* Copies among them",
        "quarantine": "* Left out",
        "baselines": "| Dummy",
        "test": "# 4_max_1_12",
    }[absent]
    assert f"\n{of_it}" in f"\n{card_of(STUDY)}"
    card = card_of(STUDY, lambda manifest: manifest["about"].update({absent: None}))
    assert f"\n{of_it}" not in f"\n{card}"
    assert "None" not in card


def test_text_of_a_file_stays_in_its_place(card_of: Render) -> None:
    text = "drawn | <b>by `hand`</b>\n# not a *heading* [x](y) \\ {{ 7 * 7 }} {% if %} %s {0}"
    escaped = (
        r"drawn \| \<b\>by \`hand\`\</b\> \# not a \*heading\* \[x\](y) \\ {{ 7 \* 7 }} {% if %} "
        "%s {0}"
    )

    def put_everywhere(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: put_everywhere(value) for key, value in part.items()}
        if isinstance(part, list):
            return [put_everywhere(value) for value in part]
        return text if isinstance(part, str) else part

    def edit(manifest: dict[str, Any]) -> None:
        manifest.update(put_everywhere(manifest))
        manifest["about"][text] = text

    former, card = card_of(STUDY), card_of(STUDY, edit)
    assert f"* {escaped}: {escaped}\n" in card
    assert f"| {escaped} | 18 | 2 |" in card
    assert text not in card
    added = ["", "## Further information", "", f"* {escaped}: {escaped}"]
    assert len(card.splitlines()) == len(former.splitlines()) + len(added)


NUMBERS = [
    ("parameters", "images", "size"), ("networks", 0, "epochs"), ("about", "catalogue", "images"),
    ("about", "catalogue", "labels"), ("about", "catalogue", "pairs"), ("about", "split", "train"),
    ("about", "split", "validation"), ("about", "split", "test"),
    ("parameters", "net", "batch_size"), ("about", "duplicates", "exact"),
    ("about", "duplicates", "near"),
    ("about", "test", "confusion", 0, 1), ("about", "settings", "random_state"),
]  # fmt: skip


@pytest.mark.parametrize("keys", NUMBERS)
def test_text_where_a_number_belongs_stays_in_its_place(
    keys: tuple[Any, ...], card_of: Render
) -> None:
    card = card_of(STUDY, put("a\n\n# heading <script>", *keys))
    assert r"a \# heading \<script\>" in card
    assert len(card.splitlines()) == len(card_of(STUDY).splitlines())


def test_text_for_the_number_of_images_stays_in_its_place(card_of: Render) -> None:
    def edit(manifest: dict[str, Any]) -> None:
        manifest["about"]["test"] |= {"n": "a\n\n# heading <script>", "confusion": None}

    assert r"On a \# heading \<script\> images that" in card_of(STUDY, edit)


def test_names_of_files_can_be_copied(card_of: Render) -> None:
    card = card_of(STUDY, name="it's a `model`.skcomic")
    assert r"* File: `it's a \`model\`.skcomic`, " in card
    assert """skcomic predict 'it'"'"'s a `model`.skcomic' FOLDER""" in card
    assert 'skcomic.load("it\'s a `model`.skcomic")' in card


@pytest.mark.parametrize(
    "edit",
    [
        leave_out("networks"),
        leave_out("networks", 0),
        leave_out("networks", 0, "weights"),
        leave_out("networks", 0, "cpu_seconds"),
        leave_out("classes"),
        leave_out("parameters"),
        leave_out("parameters", "images", "size"),
        leave_out("versions"),
        leave_out("about", "test", "precision"),
        leave_out("about", "test", "confusion", 1),
        put("many", "networks", 0, "weights"),
        put("long", "networks", 0, "cpu_seconds"),
        put("a text", "networks"),
        put(None, "parameters"),
        put("a text", "parameters", "images"),
        put(["a"], "about"),
        put("a text", "about", "catalogue"),
        put(1, "about", "quarantine"),
        put({"net": "Dummy"}, "about", "baselines"),
        put(39.5, "about", "test", "n"),
        put(3, "about", "test", "n"),
        put("a text", "about", "test", "confusion"),
        put([[1]], "about", "test", "confusion"),
        put(0, "about", "test", "n"),
        put(10**400, "about", "test", "precision"),
        put(10**400, "networks", 0, "cpu_seconds"),
    ],
)
def test_broken_manifests_are_refused(edit: Edit, card_of: Render) -> None:
    with pytest.raises(ModelFileError, match="its manifest does not describe a model as skcomic"):
        card_of(STUDY, edit)


def test_what_save_writes_has_a_card(stripes, small_net, tmp_path: Path) -> None:
    net = small_net(epochs=1).fit(*stripes)
    test = SCORES | {"net": "4_max_1", "confusion": [[18, 2], [2, 18]]}
    save(net, tmp_path / "net.skcomic", about={"test": test, "source": "stripes"})
    card = render_card(tmp_path / "net.skcomic")
    assert card.startswith("# 4_max_1: a classifier of across, down\n")
    assert f"{net.n_parameters_:,} parameters, computing in float32." in card
    assert "* 1 epochs, " in card
    assert "| 4_max_1 | 0.9500 | 0.9000 | 0.9244 | 0.9000 | 0.7695 to 0.9604 |" in card
    assert "* source: stripes\n" in card


def test_the_command_needs_neither_tensorflow_nor_jinja2() -> None:
    program = "import sys; from skcomic.cli import app\n"
    program += f"try: app(['card', {str(DATA / 'model_format_1.skcomic')!r}])\n"
    program += "except SystemExit: print({'tensorflow', 'sklearn', 'jinja2'} & set(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    *card, loaded = result.stdout.splitlines()
    assert loaded == "set()"
    assert card[0] == "# 4_max_1: a classifier of comics, faces"
    text = "\n".join(card)
    assert "12 x 12 grey pixels" in text
    assert "Not known: the file does not say on which images" in text
    assert "Not known: the file describes no test" in text
    assert "skcomic predict model_format_1.skcomic FOLDER" in text
