"""What two studies must have in common."""

TIMES = {"cpu_seconds", "wall_seconds", "seconds", "stage_seconds", "predict_ms", "batch_ms"}
TIMES |= {"model_bytes"}  # times are in the file, with more digits or fewer


def without_times(value):
    """Take the times out of what `study.json` holds."""
    if isinstance(value, dict):
        return {key: without_times(item) for key, item in value.items() if key not in TIMES}
    return [without_times(item) for item in value] if isinstance(value, list) else value
