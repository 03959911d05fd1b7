"""Reading and changing the members of model files, for several test modules."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from skcomic.models.archive import MANIFEST, PIPELINE, pack, zip_members

NETWORK = "networks/0.keras"
Edit = Callable[[Any], Any]


def members_of(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def repacked(file: Path, name: str, edit: Callable[[bytes], bytes], path: Path) -> Path:
    """Change one member as an attacker could: with the right checksums."""
    members = members_of(file.read_bytes())
    manifest = json.loads(members.pop(MANIFEST))
    path.write_bytes(pack(manifest, members | {name: edit(members[name])}))
    return path


def schema(change: Callable[[dict[str, Any]], Any]) -> Edit:
    return _json_member("schema.json", change)


def config(change: Callable[[dict[str, Any]], Any]) -> Edit:
    return _json_member("config.json", change)


def _json_member(name: str, change: Callable[[dict[str, Any]], Any]) -> Edit:
    def edit(content: bytes) -> bytes:
        members = members_of(content)
        tree = json.loads(members[name])
        change(tree)
        return zip_members(members | {name: json.dumps(tree).encode()})

    return edit


def all_contents(content: bytes) -> list[bytes]:
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return [content]
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return [part for name in archive.namelist() for part in all_contents(archive.read(name))]


def names_in(path: Path) -> set[str]:
    """The classes of skcomic in a model file, by the names that it has for them."""
    pipeline = members_of(members_of(path.read_bytes())[PIPELINE])
    found, stack = set(), [json.loads(pipeline["schema.json"])]
    while stack:
        part = stack.pop()
        if isinstance(part, dict):
            stack += part.values()
            if str(part.get("__module__")).startswith("skcomic"):
                found.add(f"{part['__module__']}.{part['__class__']}")
        elif isinstance(part, list):
            stack += part
    return found
