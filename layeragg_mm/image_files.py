"""The images that a command line names; nothing here takes time to import."""
import os
from collections.abc import Iterator, Sequence
from glob import glob
from pathlib import Path

from .errors import InputError, lying_there
from .words import some

__all__ = ['SUFFIXES', 'find_images']

# What MMDetection's inferencers take, too.
SUFFIXES = '.bmp', '.jpeg', '.jpg', '.pgm', '.png', '.ppm', '.tif', '.tiff', '.webp'


def find_images(named: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the image files that are ``named``, and the other files there; none comes twice.

    Args:
        named: files, folders (all that is not hidden below them) and patterns (``'*.jpg'``, ``'**/*.png'``).

    Raises:
        InputError: something is not there, or none is an image by its name.
    """
    files = {os.path.abspath(file): str(file) for each in named for file in files_of(each)}
    images, others = [], []
    for file in files.values():
        (images if file.lower().endswith(SUFFIXES) else others).append(file)
    if not images:
        raise InputError(f'IMAGES: no image in {some(named)}' + (
            f', but {some(map(os.path.basename, others), 6)}' if others else ''),
            f'Name images, or folders with images, that end in {", ".join(SUFFIXES)}.')
    return images, others


def files_of(named: str) -> Iterator[Path]:
    path = Path(named)
    if path.is_dir():
        yield from sorted(file for file in path.rglob('*') if file.is_file() and not any(
            part.startswith('.') for part in file.relative_to(path).parts))
    elif path.is_file():
        yield path
    else:
        matched = sorted(glob(named, recursive=True))
        if not matched:
            raise InputError(f'IMAGES: {named} not found', f'Check the path: {lying_there(path)}.')
        for each in matched:
            yield from files_of(each)
