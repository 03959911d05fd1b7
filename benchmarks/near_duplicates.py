"""How much the perceptual hash of an edited image differs, and how much those of other images.

``python benchmarks/near_duplicates.py --root FOLDER`` prints the figures from which the threshold
of `skcomic.join_duplicates` was chosen, and the time to compare 20,000 images.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from skcomic import check_catalogue, load_catalogue
from skcomic.catalogue.duplicates import find_duplicates
from skcomic.catalogue.hashing import COMPARED_SIDE, perceptual_hashes
from skcomic.catalogue.near_hashes import MAX_DISTANCE
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


def print_times(root: Path) -> None:
    """Print the time to compare 20,000 hashes, and the speed of checking a catalogue."""
    catalogue = load_catalogue(root)
    many = catalogue.iloc[np.arange(20_000) % len(catalogue)].reset_index(drop=True)
    random = np.random.default_rng(0)
    hashes = random.integers(0, 2**64, (len(many), 4), dtype=np.uint64)
    start = time.perf_counter()
    find_duplicates(many, hashes, np.zeros(len(many), dtype=bool))
    print(f"20,000 hashes, all comparisons: {time.perf_counter() - start:.2f} s")
    for n_jobs in (1, 2):
        start = time.perf_counter()
        check_catalogue(catalogue, n_jobs=n_jobs)
        rate = len(catalogue) / (time.perf_counter() - start)
        print(f"check_catalogue, {n_jobs} threads: {rate:.0f} images per second")


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="folder of images, by class")
    root = parser.parse_args().root
    catalogue = load_catalogue(root)
    hashes = hash_files(catalogue.path.tolist())
    print_versions(catalogue.path.tolist(), hashes)
    print_others(catalogue.pair.to_numpy(), hashes)
    print_times(root)


if __name__ == "__main__":
    main()
