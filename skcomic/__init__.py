"""Cheap, proven image classifiers inside scikit-learn.

Public names load when they are first used, so that ``import skcomic`` costs nothing:
TensorFlow alone takes some three seconds.
"""

import lazy_loader

from skcomic._version import __version__

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["datasets"],
    submod_attrs={
        "catalogue": [
            "Footprint",
            "estimate_footprint",
            "load_catalogue",
            "split_catalogue",
        ],
        "images": ["ImageReadError", "read_raster"],
    },
)
__all__ += ["__version__"]
