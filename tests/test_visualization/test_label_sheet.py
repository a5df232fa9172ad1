"""Label maps are painted beside their image, in their palette, ignored pixels black."""
import numpy as np
from matplotlib.image import imread

from layeragg_mm.visualization import LabelledImage, save_label_sheet


def test_a_sheet_shows_images_maps_and_a_legend(tmp_path):
    image = np.full((40, 60, 3), 128, dtype=np.uint8)
    labels = np.ones((40, 60), dtype=np.uint8)
    labels[:, 30:] = 255
    save_label_sheet([LabelledImage(image, dict(truth=labels))] * 3, ['sky', 'tree'], [(0, 0, 255), (255, 0, 0)],
                     tmp_path / 'sheet.png')
    pixels = imread(tmp_path / 'sheet.png')[..., :3].reshape(-1, 3)

    def share(red, green, blue):
        return (abs(pixels - np.array([red, green, blue]) / 255) < .02).all(-1).mean()

    assert share(128, 128, 128) > .2  # the image
    assert share(223, 32, 32) > .1 and share(32, 32, 32) > .1  # the map, half tree and half ignored
    assert share(0, 0, 255) > 0 and share(255, 0, 0) > 0  # the legend
