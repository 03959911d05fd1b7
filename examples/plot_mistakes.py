"""
Mistakes, and what decides
==========================

A score says how often a classifier is wrong, not where. Two displays show the images that it
mistakes most surely, and which part of an image its answer depends on.
"""

# %%
# Drawn pairs of a face and its comic, and a linear model of gradients at 64 pixels. Each
# image is judged by a model that was trained without it and without its pair:

import tempfile

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict

from skcomic import ImageGridDisplay, load_catalogue, make_contenders
from skcomic.datasets import make_comic_faces

folder = tempfile.mkdtemp()
make_comic_faces(150, size=128, out_dir=folder, random_state=0)
catalogue = load_catalogue(folder)
model = make_contenders(64, families=["classic"], random_state=0)["hog"]
classes = np.unique(catalogue.label)
probabilities = cross_val_predict(
    model, catalogue.path, catalogue.label, groups=catalogue.pair, cv=StratifiedGroupKFold(5),
    method="predict_proba",
)  # fmt: skip
is_wrong = classes[probabilities.argmax(axis=1)] != catalogue.label
print(f"{is_wrong.sum()} of {len(catalogue)} images are mistaken")

# %%
# The mistakes that it is surest of, with the probability that it gives to the right class. They
# are the place to look for wrong labels, too. Here the labels are right, and it is the model that
# fails.

display = ImageGridDisplay.from_predictions(
    catalogue.path, catalogue.label, probabilities, classes=classes, max_images=12
).plot()

# %%
# What does an answer depend on? Each part of an image is covered in turn: red is what speaks for
# the class that is asked about, since the probability falls without it, and blue what speaks
# against it. Here a model that was trained on other pairs is asked about the *right* class, for
# six comics and, below them, their faces. What speaks for a comic is often the dots and lines of
# its ground, and its head speaks against it: how well comics before a plain ground are recognized,
# the score does not say.

from skcomic import OcclusionDisplay

is_new = catalogue.pair.isin(catalogue.pair.unique()[:50])
model.fit(catalogue.path[~is_new], catalogue.label[~is_new])
new = catalogue[is_new]
some = new[new.pair.isin(new.pair.unique()[:6])]
display = OcclusionDisplay.from_estimator(model, some.path, labels=some.label).plot()

# %%
# And comics that this model takes for faces, with that class: red is what misleads it.

is_mistaken = (new.label == "comics") & (model.predict(new.path) == "faces")
display = OcclusionDisplay.from_estimator(model, new.path[is_mistaken][:6]).plot()
