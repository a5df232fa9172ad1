"""Data sets in other formats than COCO's: what their readers would fail at is told with the file."""
import json
from pathlib import Path

import pytest
from conftest import CONFIGS, refused
from mmengine.registry import init_default_scope
from PIL import Image

from layeragg_mm.datasets.checks import check_data
from layeragg_mm.engine.config import read_config
from layeragg_mm.errors import InputError

FCOS = CONFIGS / 'fcos_mrla_tiny_digits.py'
OBJECT = ('<object><name>{name}</name><difficult>0</difficult><bndbox><xmin>5</xmin><ymin>5</ymin><xmax>25</xmax>'
          '<ymax>25</ymax></bndbox></object>')
XML = '<annotation><size><width>64</width><height>64</height></size>{objects}</annotation>'
CONFIG = """
_base_ = '{base}'
voc = dict(_delete_=True, type='VOCDataset', data_root='{root}', ann_file='VOC2007/ImageSets/Main/train.txt',
           data_prefix=dict(sub_data_root='VOC2007/'), metainfo=dict(classes=tuple('0123456789')))
train_dataloader = dict(batch_size=2, dataset=dict(**voc, pipeline={{{{_base_.train_pipeline}}}}))
val_dataloader = dict(dataset=dict(**voc, test_mode=True, pipeline={{{{_base_.test_pipeline}}}}))
test_dataloader = val_dataloader
val_evaluator = dict(_delete_=True, type='VOCMetric', metric='mAP', eval_mode='11points')
test_evaluator = val_evaluator
"""


@pytest.fixture
def voc(tmp_path) -> Path:
    """Two images in VOC's format below a folder ``voc``, and a config of them: its file."""
    names, folder = ['a', 'b'], tmp_path / 'voc/VOC2007'
    for kind in ('JPEGImages', 'Annotations', 'ImageSets/Main'):
        (folder / kind).mkdir(parents=True)
    for name in names:
        Image.new('RGB', (64, 64)).save(folder / f'JPEGImages/{name}.jpg')
        objects = OBJECT.format(name='1') + OBJECT.format(name='no class')
        (folder / f'Annotations/{name}.xml').write_text(XML.format(objects=objects))
    (folder / 'ImageSets/Main/train.txt').write_text('\n'.join(names) + '\n')
    config = tmp_path / 'config.py'
    config.write_text(CONFIG.format(base=FCOS, root=tmp_path / 'voc'))
    return config


def annotation(config: Path) -> Path:
    return config.parent / 'voc/VOC2007/Annotations/b.xml'


def replaced(old: str, new: str):
    def damage(file: Path) -> None:
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))
    return damage


@pytest.mark.parametrize('damage, told', [
    (lambda file: file.unlink(), r"lists 'b', and .*b\.xml is not there"),
    (lambda file: file.write_text(file.read_text()[:60]), r'b\.xml is cut short or no XML'),
    (lambda file: file.write_bytes(b''), r'b\.xml is cut short or no XML'),
    (lambda file: file.write_text('<?xml version="1.0" encoding="none"?><a/>'), r'b\.xml is cut short or no XML'),
    (replaced('<width>64</width>', ''), r'b\.xml: the file has no size/width'),
    (replaced('64', '64.5'), r"b\.xml: the file has size/width '64.5', which is no whole number"),
    (replaced('<name>1</name>', ''), r'b\.xml: object 0 has no name'),
    (replaced('<ymax>25</ymax>', ''), r'b\.xml: object 0 has no bndbox/ymax'),
    (replaced('<xmax>25', '<xmax>nan'), r"b\.xml: object 0 has bndbox/xmax 'nan', which is no number"),
    (replaced('<difficult>0', '<difficult>no'), r"b\.xml: object 0 has difficult 'no', which is no whole number"),
    (replaced('<xmax>25', '<xmax>2'), r'b\.xml: object 0 has the box 5, 5 to 2, 25, of negative width or height'),
])
def test_a_voc_file_that_cannot_be_read_is_named(voc, damage, told):
    damage(annotation(voc))
    with pytest.raises(InputError, match=told):
        check_data(read_config(str(voc)), 'train')


def test_voc_files_without_any_of_the_classes_are_told(voc):
    for file in annotation(voc).parent.iterdir():
        replaced('<name>1</name>', '<name>one</name>')(file)
    with pytest.raises(InputError, match=r"no object is of the config's classes, '0', .*: the files have 'one', 'no"):
        check_data(read_config(str(voc)), 'train')
    (annotation(voc).parents[1] / 'ImageSets/Main/train.txt').write_bytes(b'\xff\xfe\n')
    with pytest.raises(InputError, match=r'train\.txt is no list of names in UTF-8'):
        check_data(read_config(str(voc)), 'train')


@pytest.mark.slow
def test_a_voc_training_validates_and_is_refused_at_the_door(run, capsys, voc, tmp_path):
    options = ['--cfg-options', 'train_cfg.max_iters=2', 'train_cfg.val_interval=1',
               'default_hooks.checkpoint.interval=2']
    assert run('train', voc, '--work-dir', tmp_path / 'run', *options) == 0
    assert len([line for line in next((tmp_path / 'run').glob('*/vis_data/scalars.json')).read_text().splitlines()
                if 'pascal_voc/mAP' in json.loads(line)]) == 2
    annotation(voc).unlink()
    assert 'b.xml is not there' in refused(run, capsys, 'train', voc, '--work-dir', tmp_path / 'other', *options)
    assert not (tmp_path / 'other').exists()


def test_what_another_reader_meets_is_told_with_the_file(tmp_path):
    init_default_scope('mmdet')
    cfg = read_config(str(FCOS))
    (tmp_path / 'lines.json').write_text('{"filename": "a.jpg"}\n{"filename": ')
    cfg.train_dataloader.dataset = dict(type='ODVGDataset', data_root=str(tmp_path), ann_file='lines.json', pipeline=[])
    with pytest.raises(InputError, match=r'train_dataloader.dataset: ODVGDataset cannot read .*lines\.json: Expecting'):
        check_data(cfg, 'train')
