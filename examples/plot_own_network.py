"""
A network of your own
=====================

Whoever wants another network than those of the package writes it in Keras, wraps it by scikeras,
and lets it compete. This one has a first layer of seven by seven pixels that can be looked at.
"""

# %%
# Drawn pairs of a face and its comic:

import tempfile

from skcomic import ImageVectorizer, load_catalogue, make_contenders, run_study
from skcomic.datasets import make_comic_faces

folder = tempfile.mkdtemp()
make_comic_faces(60, size=64, out_dir=folder, random_state=0)
catalogue = load_catalogue(folder)

# %%
# A function makes the network of rows of pixels. scikeras gives it ``meta``, which knows the
# number of pixels and of classes.

import keras
from scikeras.wrappers import KerasClassifier


def build(meta):
    side = int(meta["n_features_in_"] ** 0.5)
    return keras.Sequential(
        [
            keras.Input((side * side,)),
            keras.layers.Reshape((side, side, 1)),
            keras.layers.Rescaling(4, offset=-2),
            keras.layers.Conv2D(5, 7, activation="elu"),
            keras.layers.MaxPooling2D(4),
            keras.layers.Flatten(),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )


network = KerasClassifier(
    build, loss="binary_crossentropy", optimizer="adam", optimizer__learning_rate=0.01,
    epochs=15, batch_size=16, verbose=0, random_state=0,
)  # fmt: skip

# %%
# In a pipeline behind an :class:`~skcomic.ImageVectorizer`, it is a contender like any other, here
# beside two of the package: a small network and whitened patches.

from sklearn.pipeline import make_pipeline

known = make_contenders(32, families=["small", "classic"], random_state=0)
contenders = {
    "own network": make_pipeline(ImageVectorizer(32), network),
    "small_3_4_1": known["small_3_4_1"],
    "patches": known["patches"],
}
study = run_study(
    catalogue, contenders=contenders, sizes=[32], validation=3, n_jobs=1, random_state=0
)
display = study.display().plot()

# %%
# Its filters, after a training of its own on all images, and what they make of a face and of its
# comic: grey is zero, bright is above it, dark below. On so few images, many filters stay rough.

import numpy as np

from skcomic import ImageGridDisplay

own = contenders["own network"].fit(catalogue.path, catalogue.label)
reshape, rescale, convolve = own[-1].model_.layers[:3]


def to_greys(channels):
    """Return each channel of an array of shape (height, width, n_channels) as grey levels."""
    channels = np.moveaxis(np.asarray(channels), -1, 0)
    return list(channels / np.abs(channels).max(axis=(1, 2), keepdims=True) / 2 + 0.5)


numbers = range(1, convolve.filters + 1)
pictures = [np.ones((7, 7)), *to_greys(convolve.get_weights()[0][:, :, 0])]
captions = ["", *(f"filter {number}" for number in numbers)]
for label in ("faces", "comics"):
    row = own[0].transform([f"{folder}/{label}/pair_0003.jpg"])
    pictures += [row.reshape(32, 32), *to_greys(convolve(rescale(reshape(row)))[0])]
    captions += [label, *(f"of filter {number}" for number in numbers)]
display = ImageGridDisplay(pictures, captions).plot()

# sphinx_gallery_thumbnail_number = 2
