"""Where an exported model comes from, as every format says it."""

from typing import NamedTuple


class ModelSource(NamedTuple):
    """Where an exported model comes from.

    Parameters
    ----------
    version : str
        Of skcomic.
    digest : str
        SHA-256 of the model file in hexadecimal digits; empty for a model of no file.
    """

    version: str
    digest: str
