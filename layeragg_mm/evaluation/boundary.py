"""How well predicted boundaries fit drawn ones: the measure of the Berkeley segmentation benchmark.

Arbelaez et al., Contour Detection and Hierarchical Image Segmentation, PAMI 2011. A boundary map is (H, W): bool, or
for predictions a probability per pixel.
"""
from collections.abc import Sequence

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_flow
from scipy.spatial import KDTree

__all__ = ['count_matches', 'match', 'summarize', 'suppress_non_maxima', 'thin']

NORMAL_SMOOTHING = 2.  # pixels, of the map whose curvature tells the direction across a boundary
NORMAL_TOLERANCE = 1.01  # a neighbour must be this much stronger to suppress a pixel


def suppress_non_maxima(probability: np.ndarray) -> np.ndarray:
    """Return ``probability`` (H, W) with 0 in the place of each value below one a pixel away across the boundary.

    The direction across is that in which the smoothed map curves most. Equal neighbours stay, both of them.
    """
    down, mixed, right = (gaussian_filter(probability, NORMAL_SMOOTHING, order=order, mode='nearest')
                          for order in ((2, 0), (1, 1), (0, 2)))
    # The eigenvector of the Hessian with the larger eigenvalue, unless the other one's is larger in size.
    angle = .5 * np.arctan2(2 * mixed, right - down) + np.where(down + right > 0, 0, np.pi / 2)
    across = np.stack([np.sin(angle), np.cos(angle)])  # row and column
    here = np.indices(probability.shape)
    strongest = np.maximum(*(map_coordinates(probability, here + side * across, order=1, mode='nearest')
                             for side in (1, -1)))
    return np.where(NORMAL_TOLERANCE * probability >= strongest, probability, 0)


def thin(boundary: np.ndarray) -> np.ndarray:
    """Return a boundary map (H, W), bool, thinned to lines a pixel wide (Guo and Hall, CACM 1989)."""
    padded = np.pad(boundary, 1)
    pixels = padded.reshape(-1)
    neighbours = [row * padded.shape[1] + column for row, column in _NEIGHBOURS]
    changed = True
    while changed:
        changed = False
        for removable in _REMOVABLE:
            set_pixels = np.flatnonzero(pixels)
            code = sum(pixels[set_pixels + step].astype(np.uint8) << bit for bit, step in enumerate(neighbours))
            removed = set_pixels[removable[code]] if len(set_pixels) else set_pixels
            pixels[removed] = False
            changed |= len(removed) > 0
    return padded[1:-1, 1:-1]


# Row and column of the eight neighbours x_1 .. x_8: east, then counterclockwise.
_NEIGHBOURS = ((0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1))


def _removable_patterns() -> list[np.ndarray]:
    """Return, for the two turns of an iteration, which of the 256 patterns of neighbours let a pixel be removed."""
    x = [None] + [(np.arange(256) >> bit & 1).astype(bool) for bit in range(8)]
    x.append(x[1])  # x_9 is x_1 again
    crossings = sum((~x[i] & (x[i + 1] | x[i + 2])).astype(int) for i in (1, 3, 5, 7))
    pairs = np.minimum(sum((x[i] | x[i + 1]).astype(int) for i in (1, 3, 5, 7)),
                       sum((x[i + 1] | x[i + 2]).astype(int) for i in (1, 3, 5, 7)))
    inner = (crossings == 1) & (pairs >= 2) & (pairs <= 3)
    return [inner & ~((x[2] | x[3] | ~x[8]) & x[1]), inner & ~((x[6] | x[7] | ~x[4]) & x[5])]


_REMOVABLE = _removable_patterns()


def match(near: csr_array) -> np.ndarray:
    """Match predicted with true pixels one to one, as many as possible.

    As a maximum flow: scipy's ``maximum_bipartite_matching`` finds as many, but takes minutes for some boundary maps.

    Args:
        near: which may be matched: a sparse matrix, a row for each predicted and a column for each true pixel.

    Returns:
        For each row whether it is matched.
    """
    rows, columns = near.shape
    sink = 1 + rows + columns  # 0 is the source, then come the rows, then the columns
    first, second = near.nonzero()
    start = np.concatenate([np.zeros(rows, dtype=int), 1 + first, np.arange(1 + rows, sink)])
    end = np.concatenate([np.arange(1, 1 + rows), 1 + rows + second, np.full(columns, sink)])
    places = start.astype(np.int32), end.astype(np.int32)  # scipy 1.13 takes no others here
    network = csr_array((np.ones(len(start), dtype=np.int32), places), shape=(sink + 1, sink + 1))
    return maximum_flow(network, 0, sink, method='dinic').flow[[0]].toarray()[0, 1:1 + rows] > 0


def count_matches(probability: np.ndarray,
                  truths: Sequence[np.ndarray],
                  thresholds: np.ndarray,
                  *,
                  tolerance: float = 0.0075,
                  ignored: np.ndarray | None = None) -> np.ndarray:
    """Count matched boundary pixels of one image.

    At each threshold the map of the probabilities that reach it, after :func:`suppress_non_maxima`, is thinned, and
    its pixels are matched one to one with each annotator's, which are thinned too.

    Args:
        probability: of a boundary, (H, W).
        truths: the boundary map of each annotator, (H, W) bool.
        thresholds: (T,), above 0.
        tolerance: the distance up to which pixels match, in parts of the image's diagonal.
        ignored: (H, W) bool, where predictions do not count.

    Returns:
        (4, T) integers: predicted pixels that match some annotator's, all predicted pixels, pixels of annotators that
        match a predicted one, all pixels of annotators.
    """
    probability = suppress_non_maxima(probability)
    candidates = np.argwhere(probability >= min(thresholds))
    number = np.full(probability.shape, -1)
    number[tuple(candidates.T)] = np.arange(len(candidates))
    radius = tolerance * np.hypot(*probability.shape)
    near = [_near(candidates, np.argwhere(thin(truth)), radius) for truth in truths]

    counts = np.zeros((4, len(thresholds)), dtype=np.int64)
    for i, threshold in enumerate(thresholds):
        predicted = thin(probability >= threshold)
        if ignored is not None:
            predicted &= ~ignored
        rows = number[predicted]
        matches = np.array([match(pairs[rows]) for pairs in near]).reshape(len(near), len(rows))
        counts[:, i] = matches.any(0).sum(), len(rows), matches.sum(), sum(pairs.shape[1] for pairs in near)
    return counts


def _near(first: np.ndarray, second: np.ndarray, radius: float) -> csr_array:
    """Return which of the points (n, 2) and (m, 2) are at most ``radius`` apart, an (n, m) matrix."""
    shape = len(first), len(second)
    if not all(shape):
        return csr_array(shape, dtype=bool)
    pairs = KDTree(first).sparse_distance_matrix(KDTree(second), radius, output_type='ndarray')
    return csr_array((np.ones(len(pairs), dtype=bool), (pairs['i'], pairs['j'])), shape=shape)


def summarize(counts: np.ndarray) -> dict[str, float]:
    """Return the benchmark's figures, each 0 to 1, for the counts (images, 4, T) of :func:`count_matches`.

    ``ODS`` and ``OIS``: the F-score at the best threshold for all images together, and with the best for each image.
    ``AP``: the precision at recalls 0, 0.01, ... 1, interpolated between the thresholds' and 0 outside of them, summed
    and divided by 100, as the benchmark has it; of predictions with one level only, whose curve is a point, about 0.
    """
    precision, recall, score = _scores(counts.sum(0))
    best = _scores(counts)[2].argmax(-1)
    of_best = np.take_along_axis(counts, best[:, None, None], axis=2).sum(0)
    order = np.lexsort((-precision, recall))  # of equal recalls, the one with the highest precision
    levels, first = np.unique(recall[order], return_index=True)
    curve = np.interp(np.linspace(0, 1, 101), levels, precision[order][first], left=0, right=0)
    return dict(ODS=float(score.max()), OIS=float(_scores(of_best)[2].item()), AP=float(curve.sum() / 100))


def _scores(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return precision, recall and F-score (..., T) of counts (..., 4, T); 0 where there is nothing to divide by."""
    matched, predicted, found, present = np.moveaxis(counts, -2, 0)
    precision, recall = matched / np.maximum(predicted, 1), found / np.maximum(present, 1)
    return precision, recall, 2 * precision * recall / np.maximum(precision + recall, 1e-12)
