"""CamVid in its layouts, BSDS500, and boundaries of label maps."""
import shutil

import numpy as np
import pytest
import torch
from mmengine.registry import DATASETS, init_default_scope
from PIL import Image
from scipy.io import savemat

import layeragg_mm.segmentation  # noqa: F401  (registers)
from layeragg_mm.datasets.bsds import load_annotators
from layeragg_mm.datasets.label_boundaries import boundaries_between
from layeragg_mm.errors import DataError, InputError

pytestmark = pytest.mark.slow

PIPELINE = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations'), dict(type='PackSegInputs')]


def build(name, root, **options):
    init_default_scope('mmseg')
    return DATASETS.build(dict(type=name, data_root=str(root), **{'pipeline': PIPELINE, **options}))


@pytest.fixture
def original(camvid, tmp_path):
    """The original layout: train/ and trainannot/ of PNG files, and lists of another machine's paths."""
    for split in ('train', 'val'):
        (tmp_path / split).mkdir()
        for file in (camvid / 'img' / split).iterdir():
            Image.open(file).save(tmp_path / split / f'{file.stem}.png')
        shutil.copytree(camvid / 'ann' / split, tmp_path / f'{split}annot')
        names = sorted(file.name for file in (tmp_path / split).iterdir())
        (tmp_path / f'{split}.txt').write_text(''.join(
            f'/SegNet/CamVid/{split}/{name} /SegNet/CamVid/{split}annot/{name}\n' for name in names))
    return tmp_path


@pytest.mark.parametrize('options', [dict(split='val'), dict(ann_file='val.txt')], ids=str)
def test_camvid_reads_the_original_layout_too(camvid, original, options):
    ours, theirs = build('CamVidDataset', camvid, split='val'), build('CamVidDataset', original, **options)
    assert len(ours) == len(theirs) == 2 and len(ours.metainfo['classes']) == len(ours.metainfo['palette']) == 11
    for first, second in zip(ours, theirs):
        assert torch.equal(first['data_samples'].gt_sem_seg.data, second['data_samples'].gt_sem_seg.data)
        assert first['inputs'].shape == second['inputs'].shape == (3, 45, 60)


def test_list_files_may_name_files_relative_to_the_root(camvid, tmp_path):
    (tmp_path / 'some.txt').write_text('img/train/b.jpg ann/train/b.png\n\n')
    dataset, = build('CamVidDataset', camvid, ann_file=str(tmp_path / 'some.txt'))
    assert dataset['data_samples'].img_path.endswith('img/train/b.jpg')


def test_unlabelled_pixels_of_camvid_are_ignored(camvid):
    labels = build('CamVidDataset', camvid, split='train')[0]['data_samples'].gt_sem_seg.data
    assert (labels[:, :4] == 255).all() and labels[:, 4:].max() <= 10
    chosen = build('CamVidDataset', camvid, metainfo=dict(classes=('Car', 'Road')))[0]['data_samples'].gt_sem_seg.data
    for old, new in ((8, 0), (3, 1), (1, 255), (255, 255)):
        assert (chosen[labels == old] == new).all()


@pytest.mark.parametrize('options, said', [
    (dict(split='test'), "split 'test'"), (dict(ann_file='broken.txt'), 'broken.txt, line 2')])
def test_camvid_names_what_is_missing(original, options, said):
    lines = (original / 'train.txt').read_text().splitlines()
    (original / 'broken.txt').write_text(f'{lines[0]}\n{lines[1].replace("b.png", "gone.png")}\n')
    with pytest.raises(InputError, match=said):
        build('CamVidDataset', original, **options)


def test_bsds_boundaries_are_those_of_any_annotator(bsds):
    pipeline = [dict(type='LoadImageFromFile'), dict(type='LoadBSDSBoundaries'), dict(type='PackSegInputs')]
    labels = build('BSDS500Dataset', bsds, split='test', pipeline=pipeline)[0]['data_samples'].gt_sem_seg.data[0]
    assert labels.sum(1).nonzero().flatten().tolist() == [10, 20] and labels[10].all() and labels[20].all()


def test_boundaries_of_a_label_map():
    labels = np.array([[1, 1, 2, 2],
                       [1, 1, 2, 2],
                       [1, 1, 255, 2],
                       [3, 3, 255, 2]], dtype=np.uint8)
    assert boundaries_between(labels).tolist() == [[0, 1, 0, 0],
                                                   [0, 1, 0, 0],
                                                   [1, 1, 255, 0],
                                                   [0, 0, 255, 0]]


def test_boundaries_of_camvid(camvid):
    pipeline = [dict(type='LoadImageFromFile'), dict(type='LoadLabelBoundaries'), dict(type='PackSegInputs')]
    dataset = build('CamVidBoundaryDataset', camvid, pipeline=pipeline)
    labels = dataset[0]['data_samples'].gt_sem_seg.data[0].numpy()
    plain = build('CamVidDataset', camvid)[0]['data_samples'].gt_sem_seg.data[0].numpy()
    assert (labels == boundaries_between(plain.astype(np.uint8))).all() and set(np.unique(labels)) == {0, 1, 255}
    assert dataset.metainfo['classes'] == ('background', 'boundary')


def saved(**content):
    return lambda file: savemat(file, content)


@pytest.mark.parametrize('damage, said', [
    (lambda file: file.write_bytes(b''), ''),
    (lambda file: file.write_bytes(file.read_bytes()[:300]), ''),
    (lambda file: file.write_bytes(b'MATLAB 7.3 MAT-file, Platform: GLNXA64'.ljust(116) + b'\0' * 8 + b'\x00\x02IM'
                                   + b'\x89HDF\r\n\x1a\n' + b'\0' * 400), 'HDF'),
    (saved(gt=np.zeros((4, 6))), "'groundTruth' is missing"),
    (saved(groundTruth=np.array([[dict(Segmentation=np.zeros((4, 6)))]], dtype=object)), 'Boundaries'),
    (saved(groundTruth=np.zeros((2, 2))), 'Boundaries'),
], ids=['empty', 'cut short', 'version 7.3', 'another key', 'another field', 'numbers'])
def test_a_bsds_file_that_cannot_be_read_is_named(bsds, tmp_path, damage, said):
    file = tmp_path / 'a.mat'
    shutil.copy(bsds / 'groundTruth/train/a.mat', file)
    damage(file)
    with pytest.raises(DataError, match=rf'unreadable label map .*a\.mat: .*{said}'):
        load_annotators(str(file))
