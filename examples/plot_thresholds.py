"""
Thresholds, calibration, and when to say nothing
================================================

A classifier that is wrong now and then is of use if it knows when. Here a study corrects its
probabilities by a temperature, and finds the threshold from which on its answers are as accurate
as is asked for. The figures show what that is worth on the test images.
"""

# %%
# A model that is too sure of itself: a logistic regression with nearly no penalty, on more
# gradients than there are images. ``calibrate`` and ``abstain`` are settings of the study; the
# validation images decide both the temperature and the threshold, and the test images judge them.

import tempfile

from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skcomic import HogVectorizer, ImageVectorizer, load_catalogue, run_study
from skcomic.datasets import make_comic_faces

folder = tempfile.mkdtemp()
make_comic_faces(200, size=64, out_dir=folder, random_state=0)
catalogue = load_catalogue(folder)
model = make_pipeline(ImageVectorizer(), HogVectorizer(), LogisticRegression(C=100, max_iter=1000))
study = run_study(
    catalogue, contenders={"hog": model}, sizes=[32], calibrate=True, abstain=0.95, n_jobs=1,
    random_state=0,
)  # fmt: skip
print(f"accuracy {study.test['accuracy']:.3f}, temperature {study.calibration['temperature']:.2f}")

# %%
# What comes of the wanted accuracy of 95 %:

study.describe_abstention()

# %%
# Below the threshold, ``skcomic predict`` says "unsure". The curve has all thresholds: from the
# surest answers on the left, which are so few that the curve jumps, to all of them on the right.
# The threshold was found on other images, so what these give is near to what was wanted, and may
# be below it; the interval says how near one can know it to be.

display = study.display_abstention().plot()

# %%
# Does a probability of 0.9 mean that nine of ten such images are comics? Not that of the model
# itself, which is sure of nearly everything. The last step of the pipeline is a
# :class:`~skcomic.TemperatureScaledClassifier`, with the uncorrected model in it.

import matplotlib.pyplot as plt
from sklearn.calibration import CalibrationDisplay

answers = study.predictions
corrected = answers.probability_comics
scaled = study.pipeline[-1]
rows = study.pipeline[:-1].transform(answers.path)
uncorrected = scaled.estimator_.predict_proba(rows)[:, 0]

fig, (left, right) = plt.subplots(1, 2, figsize=(8.5, 4.2), layout="constrained")
for probability, name, colour, marker in (
    (uncorrected, "uncorrected", "#d55e00", "s"),
    (corrected, "corrected", "#0072b2", "o"),
):
    CalibrationDisplay.from_predictions(
        answers.label, probability, pos_label="comics", n_bins=6, strategy="quantile", ax=left,
        name=name, color=colour, marker=marker,
    )  # fmt: skip
    histogram = right.hist(
        probability, bins=20, range=(0, 1), histtype="step", linewidth=2, color=colour
    )
left.set(xlabel="Probability of comics", ylabel="Share that are comics", title="Reliability")
right.set(xlabel="Probability of comics", ylabel="Test images", title="How sure it is")
left.legend(frameon=False, loc="upper left")
for ax in (left, right):
    ax.spines[["top", "right"]].set_visible(False)

# %%
# By how much probabilities are off on average, before and after the correction:

print(f"{study.calibration['uncorrected_error']:.3f}, {study.calibration['error']:.3f}")

# %%
# A temperature changes no answer, and neither does it change which are surest. The threshold of a
# class does: what the one of the highest F-score on the validation images gives instead of 0.5.

study.test["tuned_threshold"]

# sphinx_gallery_thumbnail_number = 2
