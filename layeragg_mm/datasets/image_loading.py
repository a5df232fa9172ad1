"""Images that cannot be read: the error names the file, or the image is skipped."""
import os
import re
from pathlib import Path

import cv2
from mmcv.transforms import LoadImageFromFile
from mmengine.config import ConfigDict
from mmengine.registry import TRANSFORMS
from torch.utils.data import get_worker_info

from ..configs import type_of, walk
from ..errors import InputError

__all__ = ['LoadReadableImage', 'UnreadableImageError', 'load_by_name']

# What mmcv's image backends raise for a file that is missing, cut short or no image.
UNREADABLE = (OSError, AssertionError, ValueError, SyntaxError, cv2.error)


class UnreadableImageError(InputError):
    """An image file cannot be read.

    Args:
        message: what was raised where the image was read; a data worker's arrives as the text of its traceback.
    """

    def __init__(self, message: str) -> None:
        super().__init__(re.findall('unreadable image .*', message)[-1],
                         'Replace the file, or train without the images that cannot be read: --skip-bad-images.')


@TRANSFORMS.register_module()
class LoadReadableImage(LoadImageFromFile):
    """mmcv's LoadImageFromFile that names the file which cannot be read.

    Args:
        skipped: file to which the names of unreadable images are appended; another image of the data set takes their
            place. By default they are errors.
        reading: folder in which data workers note what they read, for :func:`layeragg_mm.engine.naming_images`.
        kwargs: those of ``LoadImageFromFile``.

    Raises:
        UnreadableImageError: names the file.
    """

    def __init__(self, *args, skipped: str | None = None, reading: str | None = None, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.skipped = skipped
        self.reading = reading
        self._note = None

    def transform(self, results: dict) -> dict | None:
        path = results['img_path']
        if self.reading is not None and get_worker_info() is not None:
            self._take_note(path)
        try:
            return super().transform(results)
        except UNREADABLE as error:
            if self.skipped is None:
                raise UnreadableImageError(f'unreadable image {path}: {error}') from error
        Path(self.skipped).parent.mkdir(parents=True, exist_ok=True)
        with open(self.skipped, 'a') as file:
            file.write(f'{path}\n')
        return None  # by which a data set knows to take another

    def _take_note(self, path: str) -> None:
        if self._note is None:
            # once, for that can take as long as reading an image
            self._note = os.open(Path(self.reading, str(os.getpid())), os.O_WRONLY | os.O_CREAT)
        os.pwrite(self._note, f'{path}\n'.encode(), 0)


def load_by_name(data: ConfigDict | None, **options) -> None:
    """Let a part of a config load images by :class:`LoadReadableImage` with these ``options``."""
    for _, node in walk(data):
        if type_of(node) == 'LoadImageFromFile':
            node.update(type='LoadReadableImage', **options)
