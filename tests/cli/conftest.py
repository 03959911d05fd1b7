"""Studies whose figures are not looked at."""

import pytest

import skcomic.study.page


@pytest.fixture
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write empty figures: to draw them takes longer than these studies."""
    monkeypatch.setattr(skcomic.study.page, "_encode", lambda *_: b"")
