"""An image that cannot be read is named, or skipped where the user asks for it."""
import pickle

import cv2
import numpy as np
import pytest
from torch.utils.data import DataLoader

from layeragg_mm.datasets.image_loading import LoadReadableImage, UnreadableImageError


@pytest.fixture(params=['.png', '.jpg', '.bmp'])
def cut_short(request, tmp_path):
    path = tmp_path / f'cut{request.param}'
    content = cv2.imencode(request.param, np.random.default_rng(0).integers(256, size=(32, 32, 3)))[1].tobytes()
    path.write_bytes(content[:len(content) // 2])
    return path


def test_an_image_cut_short_is_named(cut_short):
    with pytest.raises(UnreadableImageError, match=f'unreadable image {cut_short}'):
        LoadReadableImage()(dict(img_path=str(cut_short)))


def test_an_image_that_is_skipped_is_listed(cut_short, tmp_path):
    skipped = tmp_path / 'run' / 'skipped.txt'
    assert LoadReadableImage(skipped=str(skipped))(dict(img_path=str(cut_short))) is None
    assert skipped.read_text() == f'{cut_short}\n'


class Images:
    def __init__(self, *paths) -> None:
        self.paths, self.load = paths, LoadReadableImage()

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> dict:
        return self.load(dict(img_path=str(self.paths[index])))


def test_a_data_worker_s_error_names_the_image(tmp_path):
    with pytest.raises(UnreadableImageError, match=f'unreadable image {tmp_path}/gone.png: ') as error:
        list(DataLoader(Images(tmp_path / 'gone.png'), num_workers=1, collate_fn=list))
    assert 'Traceback' not in str(error.value)
    assert str(pickle.loads(pickle.dumps(error.value))) == str(error.value)
