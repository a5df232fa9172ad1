"""Image files that are not 8 bits of red, green and blue each, and what MMDetection makes of them."""
from pathlib import Path

import cv2
from PIL import ExifTags, Image, UnidentifiedImageError

__all__ = ['traits_of']

# What MMDetection's default loading does, and Pillow's modes that it does it to.
MODES = {
    'grey: read as three equal channels': ('1', 'L', 'LA', 'I', 'F', 'I;16', 'I;16B', 'I;16L'),
    'CMYK: converted to RGB': ('CMYK',),
    'partly transparent: that is left out': ('LA', 'PA', 'RGBA', 'La', 'RGBa'),
}


def traits_of(path: str | Path) -> list[str]:
    """Return in what an image file differs from 8-bit RGB, each with what MMDetection's default loading does.

    Of images that Pillow does not know or thinks too large, only the bits are told.
    """
    traits = []
    try:
        with Image.open(path) as image:
            traits += [trait for trait, modes in MODES.items() if image.mode in modes]
            if image.getexif().get(ExifTags.Base.Orientation, 1) != 1:
                traits.append('turned by their EXIF data: read upright')
    except (UnidentifiedImageError, Image.DecompressionBombError):
        pass
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if pixels is not None and pixels.itemsize > 1:
        traits.append(f'of {8 * pixels.itemsize} bits a channel: read as 8, the upper ones')
    return traits
