"""Names for what is written of images: those of the images, with their folders."""
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

__all__ = ['names_of_images', 'names_without_suffix']


def names_of_images(paths: Iterable[str]) -> dict[str, Path]:
    """Return a relative path for each image file: its own, from the folder that all share. No two are alike."""
    places = {path: path if '://' in path else os.path.abspath(path) for path in paths}
    shared = os.path.commonpath({os.path.dirname(place) for place in places.values()}) if places else ''
    return {path: Path(os.path.relpath(place, shared)) for path, place in places.items()}


def names_without_suffix(names: dict[str, Path]) -> dict[str, Path]:
    """Return ``names`` without the images' suffixes, but where two would be alike then (``a.jpg`` and ``a.png``)."""
    counts = Counter(name.with_suffix('') for name in names.values())
    return {path: name if counts[name.with_suffix('')] > 1 else name.with_suffix('') for path, name in names.items()}
