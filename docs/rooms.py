"""The rooms of the package as a drawing, from setup.cfg and the docstrings of the rooms."""

import ast
import html
from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).parent.parent


def draw_rooms() -> str:
    """Draw one line for each layer of import-linter's contract, in the order of data's way."""
    settings = ConfigParser()
    settings.read(ROOT / "setup.cfg")
    layers = settings["importlinter:contract:rooms"]["layers"].split("\n")
    lines = [
        "".join(_draw_room(name) for name in layer.split(" | "))
        for layer in reversed(layers)
        if layer and not layer.startswith("_")
    ]
    return '<ol class="rooms">{}</ol>'.format("".join(f"<li>{line}</li>" for line in lines))


def _draw_room(name: str) -> str:
    module = ast.parse((ROOT / "skcomic" / name / "__init__.py").read_text())
    summary = (ast.get_docstring(module) or "").split("\n\n")[0]
    words = html.escape(" ".join(summary.split())).replace("-&gt;", "→")
    return f"<div><code>{name}</code> <span>{words}</span></div>"
