"""Two dask workers of one thread each against one: ``python benchmarks/cluster.py ROOT``.

Prints the wall seconds of reading images, to look for duplicates, and of the search of a study,
both on a cluster of separate processes; each round starts a cluster and an empty cache. ROOT is a
folder of images as for ``skcomic study``; ``--large`` is another one to be read, best of hundreds
of large images, whose reading takes seconds. The contenders are nets of one size, which train as
long as each other.
"""

import argparse
import logging
import statistics
import time
from pathlib import Path
from typing import Any

N_NETS = 4


def measure(root: Path, large: Path, n_workers: int, size: int, epochs: int) -> dict[str, float]:
    """Read images and run a study on so many workers; return the seconds."""
    from distributed import Client, LocalCluster
    from joblib import parallel_config
    from sklearn.base import clone

    from skcomic import join_duplicates, load_catalogue, make_contenders, run_study

    net = make_contenders(size, families=["report"])["8_max_1"].set_params(classify__epochs=epochs)
    nets = {f"net_{i}": clone(net).set_params(classify__random_state=i) for i in range(N_NETS)}
    settings: dict[str, Any] = {"sizes": (size,), "validation": "holdout", "contenders": nets}
    with (
        LocalCluster(
            n_workers=n_workers, threads_per_worker=1, dashboard_address=":0", memory_limit=0,
            silence_logs=logging.CRITICAL, scheduler_kwargs={"dashboard": False},
        ) as cluster,
        Client(cluster) as client,
        parallel_config(backend="dask"),
    ):  # fmt: skip
        client.run(_import_all)  # as before a second study on the same cluster
        catalogue = load_catalogue(large)
        start = time.perf_counter()
        join_duplicates(catalogue)
        read = time.perf_counter() - start
        seconds = run_study(load_catalogue(root), **settings).stage_seconds
    return {"read": read, "search": seconds["search"]}


def _import_all() -> None:
    import skcomic.nets.convnet
    import skcomic.study.run  # noqa: F401
    from skcomic.nets.backend import start_keras

    start_keras()


def main() -> None:
    """Print the measurements."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("--large", type=Path, help="folder of images to read; default: ROOT")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    found: dict[int, list[dict[str, float]]] = {1: [], 2: []}
    for _ in range(args.rounds):
        for n_workers, rounds in found.items():  # in turn: another load is on both alike
            large = args.large or args.root
            rounds.append(measure(args.root, large, n_workers, args.size, args.epochs))
            print(f"{n_workers} workers:", rounds[-1], flush=True)
    for stage, most in (("read", 0.6), ("search", 0.65)):
        shares = [two[stage] / one[stage] for one, two in zip(found[1], found[2], strict=True)]
        rounds = ", ".join(f"{share:.2f}" for share in shares)
        print(
            f"{stage}: two workers take {statistics.median(shares):.2f} of the time of one "
            f"({rounds}); asked is at most {most}"
        )


if __name__ == "__main__":
    main()
