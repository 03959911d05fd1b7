"""
Three classes and ten: handwritten digits
=========================================

Nothing in the package is about faces, or about two classes. Here the digits of scikit-learn are
written as small image files, one folder per digit, and the confusion matrices show what a linear
model of three and of ten classes takes for what.
"""

# %%
# The first 600 digits as PNG files of 8x8 pixels, and their catalogue:

import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from skcomic import load_catalogue

folder = Path(tempfile.mkdtemp())
digits = load_digits()
for number, (image, digit) in enumerate(zip(digits.images, digits.target, strict=True)):
    if number < 600:
        file = folder / str(digit) / f"{number}.png"
        file.parent.mkdir(exist_ok=True)
        Image.fromarray((image * 255 / 16).astype(np.uint8)).save(file)
catalogue = load_catalogue(folder)
catalogue.label.value_counts().sort_index()

# %%
# Each image is a pair of its own, so folds need no groups. The models are whitened patches with
# a logistic regression, without mirror images, which would be wrong for digits, and the plain
# pixels for comparison. The images are enlarged to 16 pixels: patches are of six pixels, and
# would leave little of eight.

from sklearn.model_selection import StratifiedKFold, cross_val_predict

from skcomic import make_contenders, score_interval

contenders = make_contenders(16, families=["classic"], random_state=0)
tasks = {"three classes": catalogue[catalogue.label.isin(["3", "5", "8"])], "ten": catalogue}
answers = {}
for task, images in tasks.items():
    for name in ("pixels", "patches"):
        probabilities = cross_val_predict(
            contenders[name], images.path, images.label, cv=StratifiedKFold(3),
            method="predict_proba",
        )  # fmt: skip
        classes = np.unique(images.label)
        predicted = classes[probabilities.argmax(axis=1)]
        answers[task, name] = predicted, probabilities
        interval = score_interval(images.label, predicted, random_state=0)
        print(f"{task}, {name}: F-score {interval}")

# %%
# With more than two classes, scores are macro averages; the interval holds the true one in 95 % of
# such sets of images. What the patches confuse: right answers are on the diagonal, and blue is
# already full at ten images, so that single mistakes can be seen.

import matplotlib.pyplot as plt
from sklearn.metrics import ConfusionMatrixDisplay

fig, axes = plt.subplots(1, 2, figsize=(7.4, 4.9), width_ratios=(4, 9), layout="constrained")
for ax, (task, images) in zip(axes, tasks.items(), strict=True):
    matrix = ConfusionMatrixDisplay.from_predictions(
        images.label, answers[task, "patches"][0], ax=ax, cmap="Blues", colorbar=False,
        im_kw={"vmax": 10},
    )  # fmt: skip
    for cell in matrix.text_.ravel():
        if cell.get_text() == "0":
            cell.set_text("")
    ax.set(xlabel="Answer", ylabel="Digit")
    title = ax.set_title(f"{len(images)} images of {matrix.text_.shape[0]} classes", fontsize=10)

# %%
# The mistakes that it is surest of, among ten classes, with the probability that it gives to the
# right digit. Some of them nobody would read otherwise.

from skcomic import ImageGridDisplay

display = ImageGridDisplay.from_predictions(
    catalogue.path, catalogue.label, answers["ten", "patches"][1], classes=classes, max_images=12
).plot()
