"""
Your own estimator in a study
=============================

Whoever knows what their images are of has ideas that no general classifier has. Any estimator of
scikit-learn can be a contender of a study, and is then compared by the same rules as the rest.
"""

# %%
# Drawn pairs of a face and its comic:

import tempfile

import matplotlib.pyplot as plt
import numpy as np

from skcomic import ImageVectorizer, load_catalogue, make_contenders, run_study
from skcomic.datasets import make_comic_faces

folder = tempfile.mkdtemp()
make_comic_faces(60, size=64, out_dir=folder, random_state=0)
catalogue = load_catalogue(folder)

# %%
# The idea: a comic is drawn in hard lines, a photograph has soft shades. Then the steps between
# neighbouring pixels are telling, wherever in the image they are. To count them by their height
# takes few lines, and nothing is learnt.


def count_steps(rows, edges=(0, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 1.01)):
    """Return which share of the steps between neighbouring pixels is of which height."""
    side = int(np.sqrt(rows.shape[1]))
    images = rows.reshape(-1, side, side)
    steps = [np.diff(images, axis=axis).reshape(len(rows), -1) for axis in (1, 2)]
    heights = np.abs(np.hstack(steps))
    return np.stack([np.histogram(row, edges)[0] / len(row) for row in heights])


# %%
# What that sees of the images at 64 pixels: high steps are of comics, low ones of faces.

shares = count_steps(ImageVectorizer(64).transform(catalogue.path))
names = ["0 to 0.005", "to 0.01", "to 0.02", "to 0.04", "to 0.08", "to 0.16", "to 0.32", "higher"]

fig, ax = plt.subplots(figsize=(7, 3.8), layout="constrained")
heights = np.arange(len(names))
for label, colour, shift in (("faces", "#0072b2", 0.18), ("comics", "#d55e00", -0.18)):
    of_label = shares[catalogue.label == label]
    low, middle, high = np.percentile(of_label, [10, 50, 90], axis=0)
    ax.hlines(heights + shift, low, high, color=colour, linewidth=5, alpha=0.3)
    ax.plot(middle, heights + shift, "o", color=colour, label=label)
ax.set_yticks(heights, names)
ax.set(xlabel="Share of the neighbouring pixels", ylabel="Step between grey levels in [0, 1]")
ax.set_xlim(left=0)
ax.xaxis.set_major_formatter("{x:.0%}")
ax.grid(visible=True, axis="x", color="0.92")
ax.spines[["top", "right"]].set_visible(False)
legend = ax.legend(frameon=False, title="median, and 80 % of the images")

# %%
# Two contenders of one's own: a forest on these eight shares, and a forest on all pixels. Each is
# a pipeline that begins with an :class:`~skcomic.ImageVectorizer`, whose size the study sets; any
# classifier that takes paths can be a contender, too. They compete with linear models of the
# package.

from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

forest = RandomForestClassifier(30, random_state=0)
contenders = {
    "forest of steps": make_pipeline(ImageVectorizer(), FunctionTransformer(count_steps), forest),
    "forest of pixels": make_pipeline(ImageVectorizer(), forest),
}
classic = make_contenders(64, families=["classic"], random_state=0)
contenders |= {name: classic[name] for name in ("pixels", "hog", "patches_mirrored")}

study = run_study(catalogue, contenders=contenders, sizes=[64], n_jobs=1, random_state=0)
display = study.display().plot()

# %%
# One idea about the images is worth more than a thousand pixels; whether it is worth its price,
# the study decides as for any other contender.

study.candidates[["net", "validation_f_score", "cpu_seconds", "predict_ms"]].round(3)
