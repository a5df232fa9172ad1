"""Which images a command line names."""
import os
from pathlib import Path

import pytest

from layeragg_mm.errors import InputError
from layeragg_mm.image_files import find_images

FILES = 'a.jpg', 'b.PNG', 'notes.txt', '.hidden.jpg', '.cache/a.jpg', 'more/a.jpg', 'more/deep/c.tif'


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    for name in FILES:
        file = tmp_path / 'images' / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path / 'images'


ALL = ['images/a.jpg', 'images/b.PNG', 'images/more/a.jpg', 'images/more/deep/c.tif']


@pytest.mark.parametrize('named, images, others', [
    (['images'], ALL, ['images/notes.txt']),
    (['images/more/a.jpg', 'images/a.jpg'], ['images/more/a.jpg', 'images/a.jpg'], []),
    (['images/*.jpg'], ['images/a.jpg'], []),
    (['images/**/*.jpg'], ['images/a.jpg', 'images/more/a.jpg'], []),
    (['images/more*'], ALL[2:], []),
    (['images/more', 'images/more/../more/a.jpg', 'images/more/a.jpg'], ALL[2:], []),
    (['images/.hidden.jpg'], ['images/.hidden.jpg'], []),
])
def test_files_folders_and_patterns(folder, named, images, others):
    found, left = find_images(named)
    assert sorted(map(os.path.normpath, found)) == sorted(images) and left == others


def test_a_file_is_no_pattern_though_its_name_looks_like_one(folder):
    (folder / 'a[1].jpg').touch()
    assert find_images(['images/a[1].jpg']) == (['images/a[1].jpg'], [])


@pytest.mark.parametrize('named, said', [
    ('image', 'IMAGES: image not found\nCheck the path: . has images/.'),
    ('images/*.webp', 'IMAGES: images/*.webp not found'),
    ('images/notes.txt', 'IMAGES: no image in images/notes.txt, but notes.txt\nName images'),
])
def test_what_is_not_there_is_told(folder, named, said):
    with pytest.raises(InputError) as error:
        find_images([named])
    assert str(error.value).startswith(said)
