"""How much the perceptual hash of an edited image differs, and how much those of other images.

``python benchmarks/near_duplicates.py --root FOLDER`` prints the figures from which the threshold
of `skcomic.join_duplicates` was chosen, and the time to compare up to 1,000,000 hashes.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageEnhance, ImageOps

from skcomic import check_catalogue, load_catalogue
from skcomic.catalogue.duplicates import Duplicates, find_duplicates
from skcomic.catalogue.hashing import COMPARED_SIDE, N_BITS, N_WORDS, perceptual_hashes
from skcomic.catalogue.near_hashes import MAX_DISTANCE, compare_all, compare_bands
from skcomic.images.decoding import examine_image
from skcomic.images.loading import load_rasters

SIZE = (COMPARED_SIDE, COMPARED_SIDE)


def crop(image: Image.Image, share: float) -> Image.Image:
    """Crop each side by a share, at least by one pixel."""
    across, down = (max(1, round(length * share)) for length in image.size)
    return image.crop((across, down, image.width - across, image.height - down))


VERSIONS = {
    "JPEG, quality 75": lambda image: (image, "JPEG", 75),
    "JPEG, quality 40": lambda image: (image, "JPEG", 40),
    "JPEG, quality 20": lambda image: (image, "JPEG", 20),
    "WebP, quality 60": lambda image: (image, "WEBP", 60),
    "half the size": lambda image: (ImageOps.scale(image, 0.5), "JPEG", 85),
    "64x64": lambda image: (image.resize((64, 64), Image.Resampling.LANCZOS), "JPEG", 85),
    "grey": lambda image: (image.convert("L"), "JPEG", 90),
    "10 % brighter": lambda image: (ImageEnhance.Brightness(image).enhance(1.1), "JPEG", 90),
    "25 % brighter": lambda image: (ImageEnhance.Brightness(image).enhance(1.25), "JPEG", 90),
    "20 % less contrast": lambda image: (ImageEnhance.Contrast(image).enhance(0.8), "JPEG", 90),
    "1 % cut off each side": lambda image: (crop(image, 0.01), "JPEG", 90),
    "2 % cut off each side": lambda image: (crop(image, 0.02), "JPEG", 90),
    "5 % cut off each side": lambda image: (crop(image, 0.05), "JPEG", 90),
    "mirrored": lambda image: (ImageOps.mirror(image), "JPEG", 90),
}


def hash_files(paths: list[str]) -> np.ndarray:
    """Compute the hashes of images as `split_catalogue` does."""
    return perceptual_hashes(load_rasters(paths, [SIZE], n_jobs=-1)[0])


def distances(hashes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Count the bits that differ, row by row."""
    return np.bitwise_count(hashes ^ others).sum(axis=-1, dtype=int)


def print_versions(paths: list[str], hashes: np.ndarray) -> None:
    """Print the distance of each edited version from its original."""
    print(f"{'':24} median  90 %  99 %  worst  found")
    full = np.array([examine_image(path, SIZE).raster for path in paths])
    moved = {"decoded in full": distances(hashes, perceptual_hashes(full))}
    with tempfile.TemporaryDirectory() as folder:
        for name, change in VERSIONS.items():
            files = [f"{folder}/{row}" for row in range(len(paths))]
            for path, file in zip(paths, files, strict=True):
                with Image.open(path) as image:
                    changed, format, quality = change(image.convert("RGB"))
                changed.save(file, format, quality=quality)
            moved[name] = distances(hashes, hash_files(files))
    for name, bits in moved.items():
        quantiles = np.quantile(bits, [0.5, 0.9, 0.99, 1])
        found = 100 * (bits <= MAX_DISTANCE).mean()
        print(f"{name:24} {'  '.join(f'{q:4.0f}' for q in quantiles)}  {found:5.1f} %")


def print_others(pairs: np.ndarray, hashes: np.ndarray) -> None:
    """Print the distances between images of different pairs."""
    i, j = np.triu_indices(len(hashes), 1)
    bits = distances(hashes[i], hashes[j])
    partners = pairs[i] == pairs[j]
    others = np.sort(bits[~partners])
    print(f"different pairs: {len(others)} comparisons, smallest distances {others[:8].tolist()},")
    print(f"  one in 1000 below {np.quantile(others, 0.001):.0f}, median {np.median(others):.0f}")
    print(
        f"same pair: smallest distance {bits[partners].min()}, median {np.median(bits[partners])}"
    )


def print_speed(catalogue: pd.DataFrame) -> None:
    """Print the speed of checking a catalogue."""
    for n_jobs in (1, 2):
        start = time.perf_counter()
        check_catalogue(catalogue, n_jobs=n_jobs)
        rate = len(catalogue) / (time.perf_counter() - start)
        print(f"check_catalogue, {n_jobs} threads: {rate:.0f} images per second")


def mix(real: np.ndarray, n_hashes: int, random: np.random.Generator) -> np.ndarray:
    """Make hashes of the statistics of real ones: each bit is of one of two, and 1 % are wrong."""
    from_first, wrong = random.integers(0, 2**64, (2, n_hashes, N_WORDS), dtype=np.uint64)
    for _ in range(6):
        wrong &= random.integers(0, 2**64, wrong.shape, dtype=np.uint64)
    first, second = real[random.integers(0, len(real), (2, n_hashes))]
    return first & from_first | second & ~from_first ^ wrong


def plant(hashes: np.ndarray, random: np.random.Generator) -> None:
    """Make 5 % of the hashes versions of others, by up to 40 bits, and 2 % equal ones."""
    rows, originals, equal = np.split(
        random.permutation(len(hashes)), np.cumsum([len(hashes) // 20, len(hashes) // 20])
    )
    for start in range(0, len(rows), 1000):
        part = slice(start, start + 1000)
        order = random.random((len(rows[part]), N_BITS)).argsort(axis=1)
        flips = np.packbits(order < random.integers(0, 41, (len(order), 1)), axis=1)
        hashes[rows[part]] = hashes[originals[part]] ^ flips.view(np.uint64)
    hashes[equal[: len(hashes) // 50]] = hashes[equal[0]]


def print_times(real: np.ndarray, n_hashes: int) -> None:
    """Print the time to compare many hashes, and whether all comparisons find the same."""
    random = np.random.default_rng(0)
    uniform = random.integers(0, 2**64, (n_hashes, N_WORDS), dtype=np.uint64)
    for name, hashes in (("random", uniform), ("realistic", mix(real, n_hashes, random))):
        plant(hashes, random)
        catalogue = pd.DataFrame({"path": "none", "pair": np.arange(n_hashes)})
        before = peak_memory()
        start, cpu = time.perf_counter(), time.process_time()
        found = find_duplicates(catalogue, hashes, np.zeros(n_hashes, dtype=bool))
        print(
            f"{n_hashes:,} {name} hashes: {time.perf_counter() - start:.1f} s, "
            f"{time.process_time() - cpu:.1f} s of the processor, memory from {before:.0f} to "
            f"{peak_memory():.0f} MB at its peak; {(found.similar_to >= 0).sum():,} repeat another"
        )
        check_sample(hashes, found, random)


def check_sample(hashes: np.ndarray, found: Duplicates, random: np.random.Generator) -> None:
    """Compare some hashes with all."""
    n_wrong = 0
    sample = random.choice(len(hashes), min(len(hashes), 200), replace=False)
    for row in sample.tolist():
        near = np.flatnonzero(distances(hashes[:row], hashes[row]) <= MAX_DISTANCE)
        first = near[0] if len(near) else -1
        n_wrong += found.similar_to[row] != first or (found.group[near] != found.group[row]).any()
    print(f"  {len(sample)} of them compared with all before them: {n_wrong} differ")
    sample = hashes[np.sort(random.choice(len(hashes), min(len(hashes), 20_000), replace=False))]
    sample = np.unique(sample, axis=0)
    by_bands, by_all = (
        {pair for i, j in compare(sample) for pair in zip(i.tolist(), j.tolist(), strict=True)}
        for compare in (compare_bands, compare_all)
    )
    print(f"  {len(sample)} of them: {len(by_all)} pairs, the same by bands: {by_bands == by_all}")


def peak_memory() -> float:
    """Return the largest memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="folder of images, by class")
    parser.add_argument("--n-hashes", type=int, nargs="*", default=[20_000, 100_000, 1_000_000])
    parser.add_argument("--only-times", action="store_true", help="print the last table only")
    arguments = parser.parse_args()
    catalogue = load_catalogue(arguments.root)
    hashes = hash_files(catalogue.path.tolist())
    if not arguments.only_times:
        print_versions(catalogue.path.tolist(), hashes)
        print_others(catalogue.pair.to_numpy(), hashes)
        print_speed(catalogue)
    for n_hashes in arguments.n_hashes:
        print_times(hashes, n_hashes)


if __name__ == "__main__":
    main()
