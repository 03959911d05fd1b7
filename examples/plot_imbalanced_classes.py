"""
Imbalanced classes
==================

Where one image in sixteen is a comic, who always says "face" is right in 94 % of the cases. Which
scores see through that, and what ``class_weight`` changes, is shown with a linear model.
"""

# %%
# Drawn pairs, of which few comics are kept in the training part. The test has as few; it is
# large, so that its few comics are some.

import tempfile

from skcomic import load_catalogue
from skcomic.datasets import make_comic_faces

folder = tempfile.mkdtemp()
make_comic_faces(480, size=32, out_dir=folder, random_state=0)
everything = load_catalogue(folder)
number = everything.pair.str[-4:].astype(int)
is_kept = (everything.label == "faces") | (number % 15 == 0)
train, test = everything[is_kept & (number < 180)], everything[is_kept & (number >= 180)]
train.label.value_counts()

# %%
# Three classifiers: one that looks at nothing, a logistic regression of whitened patches, and the
# same with ``class_weight="balanced"``, for which a mistaken comic weighs as much as fifteen
# mistaken faces. The networks of the package have that parameter, too.

from sklearn.dummy import DummyClassifier
from sklearn.pipeline import make_pipeline

from skcomic import ImageVectorizer, make_contenders

classifiers = {"always the frequent class": make_pipeline(ImageVectorizer(16), DummyClassifier())}
for name, weight in {"logistic": None, "logistic, balanced": "balanced"}.items():
    patches = make_contenders(16, families=["classic"], random_state=0)["patches"]
    classifiers[name] = patches.set_params(classify__classify__class_weight=weight)
for classifier in classifiers.values():
    classifier.fit(train.path, train.label)

# %%
# Four scores of the answers and two of the probabilities, each with its interval. All but accuracy
# are of comics, the class that one is looking for.

from skcomic import score_interval

titles = {
    "accuracy": "Accuracy", "recall": "Recall", "precision": "Precision", "f_score": "F-score",
    "average_precision": "Average precision", "roc_auc": "Area under ROC",
}  # fmt: skip
scores = {title: {} for title in titles.values()}
for name, classifier in classifiers.items():
    answers, probabilities = classifier.predict(test.path), classifier.predict_proba(test.path)
    for score, title in titles.items():
        is_of_ranking = score in ("average_precision", "roc_auc")
        scores[title][name] = score_interval(
            test.label, probabilities if is_of_ranking else answers, test.pair, score=score,
            positive="comics", random_state=0,
        )  # fmt: skip
    print(f"{name}: recall {scores['Recall'][name]}")

# %%
# Accuracy hardly tells the three apart. Recall says how many of the comics are found, precision
# how many of those that are called comics are some; the F-score is high only if both are. Weights
# find more of the comics, and call more faces comics. The last two scores are of the ranking by
# probability, which the weights hardly change: what they do is to move the threshold. With twenty
# comics, the intervals are wide.

import matplotlib.pyplot as plt

colours = dict(zip(classifiers, ("0.55", "#d55e00", "#0072b2"), strict=True))
fig, ax = plt.subplots(figsize=(7, 4.4), layout="constrained")
for height, score in enumerate(reversed(scores)):
    for shift, (name, interval) in zip((0.22, 0, -0.22), scores[score].items(), strict=True):
        y = height + shift
        ax.hlines(y, interval.low, interval.high, color=colours[name], linewidth=4, alpha=0.35)
        label = name if height == 0 else None
        ax.plot(interval.score, y, "o", color=colours[name], markersize=7, label=label)
ax.set_yticks(range(len(scores)), reversed(scores))
ax.set(xlabel="Score of the test images, with its 95 % interval", xlim=(-0.03, 1.03))
ax.grid(visible=True, axis="x", color="0.92")
ax.spines[["top", "right"]].set_visible(False)
legend = fig.legend(loc="outside upper center", ncols=3, frameon=False)
