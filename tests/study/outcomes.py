"""What two studies must have in common."""

from pathlib import Path

TIMES = {"cpu_seconds", "wall_seconds", "seconds", "stage_seconds", "predict_ms", "batch_ms"}
TIMES |= {"model_bytes"}  # times are in the file, with more digits or fewer


def without_times(value):
    """Take the times and the folders of images out of what `study.json` holds."""
    if isinstance(value, dict):
        kept = {key: without_times(item) for key, item in value.items() if key not in TIMES}
        return kept | ({"path": Path(value["path"]).name} if "path" in value else {})
    return [without_times(item) for item in value] if isinstance(value, list) else value
