"""What both vectorizers do with rows."""

import tracemalloc

import numpy as np
import pytest

from skcomic import HogVectorizer, PatchVectorizer


@pytest.mark.parametrize("vectorizer", [HogVectorizer(), PatchVectorizer(n_filters=8)])
def test_memory_beside_the_features_does_not_grow_with_the_images(vectorizer) -> None:
    rows = np.random.default_rng(0).random((400, 1024), dtype=np.float32)
    vectorizer.fit(rows)

    def extra(n_images: int) -> int:
        tracemalloc.start()
        try:
            features = vectorizer.transform(rows[:n_images])
            return tracemalloc.get_traced_memory()[1] - features.nbytes
        finally:
            tracemalloc.stop()

    extra(50)  # what is made once
    assert extra(400) < extra(50) * 1.1
