"""How often the intervals of scores, differences and repeated tests hold the truth::

    python benchmarks/coverage.py [--tests 1000]

Each test has pairs of one image of each class. A classifier errs with a known probability, so
that its true F-score is known; both images of a pair have the same fate with probability
`together`, and so have, of two classifiers, both answers for an image with probability 0.3 or 0.9.
Repeated tests are of linear models on five splits of one set of pairs; the true score is the mean
of the models of all such sets.
"""

import argparse

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from skcomic import compare_paired, score_interval
from skcomic.evidence.bootstrap import bca_limits, find_kinds
from skcomic.evidence.label_scores import group_score
from skcomic.evidence.repeats import score_repeats

TOGETHER = (0, 0.5, 0.9)


def draw_errors(random, n_pairs, probabilities, together, alike):
    """Draw which images two classifiers get wrong."""
    luck = random.random(2 * n_pairs)
    is_one = np.repeat(random.random(n_pairs) < together, 2)
    luck = np.where(is_one, np.repeat(luck[::2], 2), luck)
    other = np.where(random.random(2 * n_pairs) < alike, luck, random.random(2 * n_pairs))
    return luck < probabilities[0], other < probabilities[1]


def difference_by_bootstrap(y, one, other, pairs, random):
    """Return the limits that resampled pairs give."""
    scores = [group_score(y, each, pairs, "f_score", 1) for each in (one, other)]
    first, counts = find_kinds(*(part for score in scores for part in score[:2]))
    one, other = (
        each._replace(numerators=each.numerators[first], denominators=each.denominators[first])
        for each in scores
    )
    return bca_limits(lambda w: one.value(w) - other.value(w), counts, 0.95, random)


def measure_intervals(n_tests, random):
    """Print how often the interval of one F-score holds the true one."""
    print("images  true F   pairs err together: share of tests held, mean width")
    for n_pairs in (30, 300):
        for true in (0.8, 0.98):
            cells = []
            for together in TOGETHER:
                y, pairs = np.tile([0, 1], n_pairs), np.repeat(np.arange(n_pairs), 2)
                found = []
                for _ in range(n_tests):
                    errs, _ = draw_errors(random, n_pairs, (1 - true, 0), together, 0)
                    found.append(score_interval(y, np.where(errs, 1 - y, y), pairs)[:3])
                _, low, high = np.transpose(found)
                held = np.mean((low <= true) & (true <= high))
                cells.append(f"{together:.1f}: {held:.3f}, {np.mean(high - low):.3f}")
            print(f"{2 * n_pairs:6} {true:7.2f}   {'   '.join(cells)}", flush=True)


def measure_differences(n_tests, random):
    """Print how often the interval of the difference of two F-scores holds the true one."""
    print("\nimages  true F        alike   held, mean width: compare_paired; bootstrap")
    for n_pairs in (30, 300):
        for one, other in ((0.98, 0.98), (0.98, 0.95), (0.9, 0.8)):
            for alike in (0.3, 0.9):
                y, pairs = np.tile([0, 1], n_pairs), np.repeat(np.arange(n_pairs), 2)
                found = {"compare_paired": [], "bootstrap": []}
                for _ in range(n_tests):
                    errors = draw_errors(random, n_pairs, (1 - one, 1 - other), 0.5, alike)
                    answers = [np.where(errs, 1 - y, y) for errs in errors]
                    found["compare_paired"].append(compare_paired(y, *answers, pairs)[1:3])
                    found["bootstrap"].append(difference_by_bootstrap(y, *answers, pairs, random))
                cells = []
                for limits in found.values():
                    low, high = np.transpose(limits)
                    held = np.mean((low <= one - other) & (one - other <= high))
                    cells.append(f"{held:.3f}, {np.mean(high - low):.3f}")
                print(
                    f"{2 * n_pairs:6}  {one}, {other:<6} {alike:>5}   {'; '.join(cells)}",
                    flush=True,
                )


def draw_pairs(random, n_pairs, shift):
    """Draw ten features of the two images of each pair, which are alike; one tells the class."""
    y, pairs = np.tile([0, 1], n_pairs), np.repeat(np.arange(n_pairs), 2)
    alike = np.repeat(random.normal(size=(n_pairs, 10)), 2, axis=0)
    X = np.sqrt(0.7) * random.normal(size=(2 * n_pairs, 10)) + np.sqrt(0.3) * alike
    X[:, 0] += shift * (2 * y - 1)
    return X, y, pairs


def measure_repeats(n_tests, random):
    """Print how often the interval of the mean of five tests holds the true score."""
    print("\npairs  true F   held, mean width: score_repeats; score_interval of the first test")
    for n_pairs in (60, 300):
        for shift in (1.0, 2.0):
            others, labels, _ = draw_pairs(random, 10_000, shift)
            trues, found = [], []
            for _ in range(n_tests):
                X, y, pairs = draw_pairs(random, n_pairs, shift)
                tests = []
                for _ in range(5):
                    is_test = np.isin(pairs, random.permutation(n_pairs)[: n_pairs // 3])
                    # What a seed may decide: which features are used.
                    used = np.r_[0, random.permutation(np.arange(1, 10))[:6]]
                    model = LogisticRegression().fit(X[~is_test][:, used], y[~is_test])
                    predicted = model.predict(X[is_test][:, used])
                    answers = {"label": y, "pair": pairs, "path": np.arange(len(y))}
                    test = pd.DataFrame(answers)[is_test].assign(predicted=predicted)
                    tests.append(test)
                    trues.append(f1_score(labels, model.predict(others[:, used])))
                repeated = score_repeats(tests, 2 * n_pairs - len(tests[0]))
                first = tests[0]
                once = score_interval(first.label, first.predicted, first.pair)
                found.append((repeated[3:], once[1:3]))
            true = np.mean(trues)
            cells = []
            for low, high in np.transpose(found, (1, 2, 0)):
                held = np.mean((low <= true) & (true <= high))
                cells.append(f"{held:.3f}, {np.mean(high - low):.3f}")
            print(f"{n_pairs:5}  {true:6.3f}   {'; '.join(cells)}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tests", type=int, default=1000)
    tests = parser.parse_args().tests
    measure_intervals(tests, np.random.default_rng(0))
    measure_differences(tests, np.random.default_rng(1))
    measure_repeats(tests, np.random.default_rng(2))
