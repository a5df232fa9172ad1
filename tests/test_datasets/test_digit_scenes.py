import hashlib
import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from layeragg_mm.datasets import CLASSES, SPLITS, digit_scenes, load_digits_of, make_digit_scenes
from layeragg_mm.errors import InputError

TOOL = Path(__file__).parents[2] / 'tools' / 'make_digit_scenes.py'
SMALL = dict(train=6, val=4, size=128, seed=3)
SMALL_SHA256 = '7886812ff4c6b6982eab4b9772cd51b8f9e9f9971a922eb66b92f4dd292a6a7b'
HARD_SHA256 = '4b2d3f856ccefe801f1b1df69586e8073d6eb2fc2f57cd442d2b751c070705b6'


@pytest.fixture(scope='module')
def small(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp('digit_scenes') / 'small'
    make_digit_scenes(out, **SMALL)
    return out


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob('*') if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def sha256_of(folder: Path) -> str:
    digest = hashlib.sha256()
    for name, data in sorted(contents(folder).items()):
        digest.update(f'{name} {len(data)}\n'.encode() + data)
    return digest.hexdigest()


def annotations(folder: Path, split: str) -> dict:
    return json.loads((folder / 'annotations' / f'instances_{split}.json').read_bytes())


def test_same_arguments_give_the_same_bytes(small, tmp_path):
    make_digit_scenes(tmp_path / 'again', **SMALL)
    assert contents(tmp_path / 'again') == contents(small)


def test_bytes_are_those_recorded(small):
    # Results that name this data set mean these bytes: change the hash only to change the data.
    assert sha256_of(small) == SMALL_SHA256


def test_hard_scenes_are_what_was_recorded(tmp_path):
    make_digit_scenes(tmp_path / 'hard', **SMALL, hard=True)
    assert sha256_of(tmp_path / 'hard') == HARD_SHA256


def test_hard_scenes_have_small_large_and_covered_digits_and_what_is_none(monkeypatch):
    painted = []

    def record(canvas, ink, mask, rng, contrast):
        painted.append(mask)

    monkeypatch.setattr(digit_scenes, 'paint', record)
    digits = load_digits_of('train')
    heights, visible, others = [], [], 0
    for seed in range(12):
        painted.clear()
        _, objects = digit_scenes.compose_scene(digits, 128, np.random.RandomState(seed), digit_scenes.HARD)
        others += len(painted) - len(objects)
        for _, mask in objects:
            whole = min((whole for whole in painted if (mask <= whole).all()), key=np.sum)
            rows = np.flatnonzero(whole.any(1))
            heights.append(int(rows[-1] + 1 - rows[0]))
            visible.append(mask.sum() / whole.sum())
    assert min(heights) <= 12 and max(heights) >= 68
    assert .8 <= min(visible) < .95
    assert others > 12


def test_another_seed_gives_other_scenes(small, tmp_path):
    make_digit_scenes(tmp_path / 'other', **{**SMALL, 'seed': 4})
    ours, theirs = contents(small), contents(tmp_path / 'other')
    assert ours.keys() == theirs.keys()
    assert all(ours[name] != theirs[name] for name in ours)


def test_splits_share_no_digit_and_have_every_class():
    train, val = (load_digits_of(split) for split in SPLITS)
    assert sorted([*train.indices, *val.indices]) == list(range(1797))
    # No copy of an image under another index either.
    assert not {image.tobytes() for image in train.images} & {
        image.tobytes() for image in val.images}
    assert set(train.labels) == set(val.labels) == set(range(10))
    assert 0.19 < len(val.labels) / 1797 < 0.21


def test_unknown_split_is_refused():
    with pytest.raises(ValueError, match='test'):
        load_digits_of('test')


@pytest.mark.parametrize('split', SPLITS)
def test_annotations_describe_the_visible_masks(small, split):
    coco = COCO(small / 'annotations' / f'instances_{split}.json')
    assert {c['id']: c['name'] for c in coco.dataset['categories']} == dict(
        enumerate(CLASSES, start=1))
    assert len(coco.imgs) == SMALL[split]
    for image_id, image in coco.imgs.items():
        pixels = np.asarray(Image.open(small / split / image['file_name']))
        assert pixels.shape == (image['height'], image['width'], 3) == (128, 128, 3)
        covered = np.zeros((128, 128), dtype=int)
        found = coco.imgToAnns[image_id]
        assert 2 <= len(found) <= digit_scenes.EASY.digits[1]
        for annotation in found:
            mask = coco.annToMask(annotation)
            covered += mask
            rows, columns = np.nonzero(mask)
            assert annotation['area'] == mask.sum() > 0
            assert annotation['bbox'] == [
                columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]
            assert annotation['iscrowd'] == 0
            assert annotation['category_id'] in coco.cats
        assert covered.max() == 1  # no pixel shows two digits


def test_label_maps_show_the_visible_masks(small, tmp_path):
    make_digit_scenes(tmp_path / 'semantic', **SMALL, semantic=True)
    files = contents(tmp_path / 'semantic')
    assert {name: data for name, data in files.items() if not name.startswith('semantic/')} == contents(small)
    for split in SPLITS:
        coco = COCO(small / 'annotations' / f'instances_{split}.json')
        for image_id, image in coco.imgs.items():
            labels = np.asarray(Image.open(tmp_path / 'semantic' / 'semantic' / split / image['file_name']))
            expected = sum(coco.annToMask(found) * found['category_id'] for found in coco.imgToAnns[image_id])
            assert (labels == expected).all()


def test_ids_start_at_one(small):
    content = annotations(small, 'train')
    for kind in ('images', 'annotations', 'categories'):
        assert [entry['id'] for entry in content[kind]] == list(range(1, len(content[kind]) + 1))


@pytest.mark.parametrize('size', [64, 128])
def test_masks_lie_on_the_digits(monkeypatch, size):
    """White digits on black: the blend is at least half of the digit just inside its mask."""
    def draw_white(canvas, ink, mask, rng, contrast, paint=digit_scenes.paint):
        paint(canvas, ink, mask, WhiteOnly(), contrast=0)

    class WhiteOnly:
        def randint(self, low, high, shape, dtype):
            return np.full(shape, 255, dtype=dtype)

    monkeypatch.setattr(digit_scenes, 'paint', draw_white)
    monkeypatch.setattr(
        digit_scenes, 'background', lambda size, rng: np.zeros((size, size, 3), dtype=np.int64))
    digits = load_digits_of('train')
    rng = np.random.RandomState(0)
    for _ in range(5):
        image, objects = digit_scenes.compose_scene(digits, size, rng)
        visible = np.logical_or.reduce([mask for _, mask in objects])
        assert image[visible].min() >= 127
        # Outside, soft edges of touching digits add up, so only nearly all of it is dark.
        assert (image[~visible] < 128).mean() > 0.98


def test_no_digit_is_much_hidden(monkeypatch):
    whole = []

    def record(canvas, ink, mask, rng, contrast):
        whole.append(int(mask.sum()))

    monkeypatch.setattr(digit_scenes, 'paint', record)
    digits = load_digits_of('val')
    for seed in range(20):
        whole.clear()
        _, objects = digit_scenes.compose_scene(digits, 128, np.random.RandomState(seed))
        assert len(objects) == len(whole)
        for (_, mask), area in zip(objects, whole, strict=True):
            assert 100 * mask.sum() >= 70 * area


def test_more_scenes_keep_the_earlier_ones(small, tmp_path):
    make_digit_scenes(tmp_path / 'more', **{**SMALL, 'train': 8, 'val': 5})
    more = contents(tmp_path / 'more')
    images = {name: data for name, data in contents(small).items() if name.endswith('.bmp')}
    assert images == {name: more[name] for name in images}
    for split in SPLITS:
        before, after = annotations(small, split), annotations(tmp_path / 'more', split)
        for kind in ('images', 'annotations'):
            assert after[kind][:len(before[kind])] == before[kind]


def test_used_folder_is_refused_and_left_alone(tmp_path):
    (tmp_path / 'used').mkdir()
    (tmp_path / 'used' / 'notes.txt').write_text('mine')
    with pytest.raises(InputError, match='used exists') as caught:
        make_digit_scenes(tmp_path / 'used', 1, 1)
    assert caught.value.remedy
    assert contents(tmp_path) == {'used/notes.txt': b'mine'}


def test_file_in_place_of_the_parent_is_an_input_error(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(InputError, match='cannot make'):
        make_digit_scenes(tmp_path / 'file' / 'out', 1, 1)


def test_empty_folder_and_missing_parents_are_accepted(tmp_path):
    (tmp_path / 'empty').mkdir()
    for out in (tmp_path / 'empty', tmp_path / 'a' / 'b'):
        make_digit_scenes(out, 1, 1, 64)
        assert {path.name for path in out.iterdir()} == {'annotations', 'train', 'val'}


def test_interruption_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(scenes):
        yield from scenes[:3]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_digit_scenes(tmp_path / 'out', 4, 4, track=interrupted)
    assert not list(tmp_path.iterdir())

    monkeypatch.setattr(digit_scenes.SceneWriter, 'close', lambda writer: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        make_digit_scenes(tmp_path / 'out', 1, 1)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    'wrong', [dict(train=0), dict(val=0), dict(size=63), dict(seed=-1), dict(seed=2**32),
              dict(size=127, hard=True)])
def test_arguments_out_of_range_are_refused(tmp_path, wrong):
    with pytest.raises(InputError, match=f'{next(iter(wrong))} is'):
        make_digit_scenes(tmp_path / 'out', **wrong)
    assert not list(tmp_path.iterdir())


def run_tool_with(monkeypatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, 'argv', [TOOL.name, *arguments])
    runpy.run_path(str(TOOL), run_name='__main__')


def test_tool_writes_what_the_function_does(small, tmp_path, monkeypatch, capsys):
    options = [f'--{name}={value}' for name, value in SMALL.items()]
    run_tool_with(monkeypatch, str(tmp_path / 'out'), *options)
    assert contents(tmp_path / 'out') == contents(small)
    assert '6 training and 4 validation scenes' in capsys.readouterr().out


def test_tool_reports_an_error_in_two_lines(tmp_path, monkeypatch, capsys):
    with pytest.raises(SystemExit) as caught:
        run_tool_with(monkeypatch, str(tmp_path / 'out'), '--size=8')
    assert caught.value.code == 2
    assert capsys.readouterr().err.splitlines() == [
        'error: size is 8', 'give a size of at least 64']
