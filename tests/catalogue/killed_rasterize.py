"""Rasterize FOLDER into STORE in processes that are killed at random moments, then in one go.

Prints as JSON, for the last process, which chunks were finished before it began.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from skcomic import load_catalogue, rasterize

N_KILLS = 5


def main(folder: str, store: Path) -> None:
    catalogue = load_catalogue(folder)
    for n_kills in range(N_KILLS):
        n_before = len(records(store))
        child = os.fork()
        if not child:
            rasterize(catalogue, store, size=16, chunk_images=2)
            os._exit(0)
        # The first is killed while it creates the store, perhaps.
        while n_kills and len(records(store)) == n_before:
            time.sleep(0.001)
        time.sleep(random.uniform(0, 0.03))
        os.kill(child, signal.SIGKILL)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL, "it finished: draw more images"
    finished = {name: (store / f"rasters/c/{name}/0/0").stat().st_ino for name in records(store)}
    rasterize(catalogue, store, size=16, chunk_images=2)
    print(json.dumps(finished))


def records(store: Path) -> list[str]:
    try:
        return [path.name for path in (store / "records/c").iterdir() if path.name.isdecimal()]
    except FileNotFoundError:
        return []


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
