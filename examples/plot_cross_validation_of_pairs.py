"""
Cross-validation that keeps pairs together
==========================================

Images that belong together must not be divided between training and validation, or the score is
of something else. Here is what goes wrong without groups, in both directions, and how the column
``pair`` of a catalogue and :class:`~sklearn.model_selection.StratifiedGroupKFold` put it right.
"""

# %%
# Forty pairs of a face and a comic of the same head, and a second set: the same images, each in
# three versions that differ in brightness and a little noise, as a camera takes them in a burst.
# A pattern tells :func:`~skcomic.load_catalogue` which files belong together. Images of other
# heads, which no fold has seen, will tell the truth.

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from skcomic import ImageVectorizer, load_catalogue
from skcomic.datasets import make_comic_faces

folder = Path(tempfile.mkdtemp())
make_comic_faces(40, size=64, out_dir=folder / "pairs", random_state=0)
make_comic_faces(200, size=64, out_dir=folder / "fresh", random_state=1)
pairs, fresh = load_catalogue(folder / "pairs"), load_catalogue(folder / "fresh")

random = np.random.default_rng(0)
for path in map(Path, pairs.path):
    burst = folder / "bursts" / path.parent.name
    burst.mkdir(parents=True, exist_ok=True)
    for number in range(3):
        pixels = np.asarray(Image.open(path)) * random.uniform(0.95, 1.05)
        pixels += random.normal(0, 4, pixels.shape)
        image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
        image.save(burst / f"{path.stem}-{number}.png")
bursts = load_catalogue(folder / "bursts", pair="(.*)-[0-9]")
bursts[["label", "pair"]].head(4)

# %%
# Two classifiers that remember what they have seen: the nearest neighbour, and a support vector
# machine. Each is scored in five folds, once by image and once by pair, and on the other heads.

from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

classifiers = {"nearest neighbour": KNeighborsClassifier(1), "support vectors": SVC(C=10)}


def score_all(catalogue):
    """Return the accuracy of each classifier in each way of measuring it."""
    X, y, pair = catalogue.path, catalogue.label, catalogue.pair
    by_image = StratifiedKFold(5, shuffle=True, random_state=0)
    by_pair = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    scores = {}
    for name, classifier in classifiers.items():
        model = make_pipeline(ImageVectorizer(32), classifier)
        scores[name] = {
            "folds of images": cross_val_score(model, X, y, cv=by_image).mean(),
            "folds of pairs": cross_val_score(model, X, y, cv=by_pair, groups=pair).mean(),
            "other heads: the truth": model.fit(X, y).score(fresh.path, fresh.label),
        }
    return scores


results = {
    "40 pairs of a face and its comic": score_all(pairs),
    "The same, each in a burst of three": score_all(bursts),
}

# %%
# Where an image of a burst is in another fold than its two copies, they give the answer away: the
# score is too high. Where a face is in another fold than its comic, the most similar image is of
# the *other* class: the score is too low. Folds of pairs come near to the truth in both cases.

styles = {
    "folds of images": ("#d55e00", "X"),
    "folds of pairs": ("#0072b2", "o"),
    "other heads: the truth": ("black", "|"),
}
fig, axes = plt.subplots(2, 1, figsize=(7, 3.8), sharex=True, layout="constrained")
for ax, (title, scores) in zip(axes, results.items(), strict=True):
    for height, name in enumerate(scores):
        for way, (colour, marker) in styles.items():
            size = 22 if marker == "|" else 9
            label = way if height == 0 else None
            ax.plot(
                scores[name][way], height, marker, color=colour, ms=size, mew=2 if size > 9 else 0,
                linestyle="none", label=label,
            )  # fmt: skip
    ax.set_yticks(range(len(scores)), scores)
    ax.set_ylim(-0.6, len(scores) - 0.4)
    ax.set_title(title, loc="left", fontsize=10)
    ax.grid(visible=True, axis="x", color="0.92")
    ax.spines[["top", "right"]].set_visible(False)
axes[1].set(xlabel="Accuracy", xlim=(0, 1.03))
axes[1].xaxis.set_major_formatter("{x:.0%}")
legend = fig.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3,
                    frameon=False)  # fmt: skip
