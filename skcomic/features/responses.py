"""Mean responses of filters to all patches of images, without scikit-learn."""

import numpy as np

#: Added to the variance of a patch of levels in [0, 1], so that one that is the same everywhere
#: but for noise does not get the contrast of the others. Coates, Lee and Ng add 0.00015 (10 for
#: levels up to 255), with which 180 real pairs of 32x32 pixels are told apart less well.
CONTRAST_EPSILON = np.float32(0.01)


def mean_responses(
    images: np.ndarray, filters: np.ndarray, offsets: np.ndarray, fields: np.ndarray
) -> np.ndarray:
    """Compute the features of images; see `PatchVectorizer`.

    Parameters
    ----------
    images : ndarray of shape (n_images, height, width), float32
        Grey levels in [0, 1].
    filters : ndarray of shape (n_filters, patch_size, patch_size), float32
        What normalised patches are multiplied with.
    offsets : ndarray of shape (n_filters,), float32
        What is added to the products.
    fields : ndarray of shape (n_patches, n_fields), float32
        Of `field_weights`.

    Returns
    -------
    features : ndarray of shape (n_images, n_filters, 2, n_fields), float32
        Means of the positive parts and of the negative ones.
    """
    n_images, n_filters, n_positions = len(images), len(filters), len(fields)
    patches = _all_patches(images, filters.shape[1])
    normalise_patches(patches[:-1])
    weights = np.column_stack([filters.reshape(n_filters, -1), offsets])
    # The mean response is the response to the mean patch.
    mean_patches = patches.reshape(-1, n_positions) @ fields
    means = weights @ mean_patches.reshape(len(patches), -1)
    responses = weights @ patches
    np.maximum(responses, 0, out=responses)
    positive = (responses.reshape(-1, n_positions) @ fields).reshape(means.shape)
    # A response is its positive less its negative part; rounding must not go below 0.
    negative = np.maximum(positive - means, 0)
    features = np.stack([positive, negative], axis=1)
    return features.reshape(n_filters, 2, n_images, -1).transpose(2, 0, 1, 3)


def _all_patches(images: np.ndarray, patch_size: int) -> np.ndarray:
    """Return all patches: shape (patch_size ** 2 + 1, n_patches), image by image, float32.

    Pixels come first, so that each of them is copied in long runs. After them comes a 1, which
    is what the offset of a filter is multiplied with.
    """
    n_images, height, width = images.shape
    down, across = height - patch_size + 1, width - patch_size + 1
    patches = np.empty((patch_size**2 + 1, n_images, down, across), dtype=np.float32)
    for pixel, (row, column) in enumerate(np.ndindex(patch_size, patch_size)):
        patches[pixel] = images[:, row : row + down, column : column + across]
    patches[-1] = 1
    return patches.reshape(len(patches), -1)


def normalise_patches(patches: np.ndarray) -> None:
    """Give patches, shape (n_pixels, n_patches), a mean of 0 and a variance near 1, in place."""
    patches -= patches.mean(axis=0)
    variances = np.einsum("ij,ij->j", patches, patches) / len(patches)
    patches /= np.sqrt(variances + CONTRAST_EPSILON)


def field_weights(down: int, across: int, grid: int) -> np.ndarray:
    """Return the weights of positions in the mean of each field: (down * across, grid ** 2)."""
    row, column = (field_shares(length, grid) for length in (down, across))
    return np.einsum("ik,jl->ijkl", row, column).reshape(down * across, grid**2)


def field_shares(length: int, grid: int) -> np.ndarray:
    """Return the weights of positions along one axis in the mean of each field: (length, grid)."""
    fields = np.arange(length) * grid // length
    is_in_field = (fields[:, None] == np.arange(grid)).astype(np.float32)
    return is_in_field / is_in_field.sum(axis=0)
