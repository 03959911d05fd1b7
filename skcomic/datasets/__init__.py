"""Data sets of pairs of a face and its comic: drawn, or downloaded.

Out come files in one folder per class, and a Bunch as from scikit-learn's data sets.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "drawn": ["make_comic_faces"],
        "fetched": ["fetch_comic_faces"],
    },
)
