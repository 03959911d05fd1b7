"""Two sets of real and comic faces: drawn here, or fetched."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "drawn": ["make_comic_faces"],
        "fetched": ["fetch_comic_faces"],
    },
)
