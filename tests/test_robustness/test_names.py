"""Files and classes may be called whatever can be printed: names are taken, shown and drawn as they are."""
import json
import shutil

import matplotlib
import numpy as np
import pytest
import torch
from conftest import CONFIGS
from mmdet.structures import DetDataSample
from mmdet.visualization import DetLocalVisualizer
from mmengine.structures import InstanceData
from PIL import Image

from layeragg_mm.datasets.annotations import check_annotations
from layeragg_mm.engine.test_outputs import PicturesHook
from layeragg_mm.errors import InputError
from layeragg_mm.evaluation.bootstrap import Gain
from layeragg_mm.evaluation.gain_plot import save_gain_plot
from layeragg_mm.visualization import LabelledImage, Objects, Scene, save_label_sheet, save_sheet

# A formula that is none, spaces of macOS and of Japanese and Chinese keyboards, markup of rich and of mm's options.
NAMES = ['a$_$b', '$5 and $10 bills', 'Screenshot 9.41\u202fAM', 'no\u00a0break', 'wide\u3000space', '[red]r[/red]',
         '100%', '%s{0}', '_hidden', 'emoji \U0001f469\u200d\U0001f52c']


@pytest.fixture
def called(digits, tmp_path):
    """The data, whose classes are called so, and the first image as the first."""
    shutil.copytree(digits, tmp_path / 'data')
    for split in ('train', 'val'):
        file = tmp_path / f'data/annotations/instances_{split}.json'
        content = json.loads(file.read_text())
        for category, name in zip(content['categories'], NAMES):
            category['name'] = name
        for image, name in zip(content['images'], NAMES):
            name = name.replace('/', '')
            (tmp_path / 'data' / split / image['file_name']).rename(tmp_path / 'data' / split / f'{name}.bmp')
            image['file_name'] = f'{name}.bmp'
        file.write_text(json.dumps(content))
    return tmp_path / 'data'


def test_the_data_are_checked_and_drawn(run, capsys, called, tmp_path):
    classes = [f'{mode}_dataloader.dataset.metainfo.classes={tuple(NAMES)!r}' for mode in ('train', 'val')]
    assert run('check_dataset', CONFIGS / 'fcos_mrla_tiny_digits.py', '--data-root', called, '--out', tmp_path / 'out',
               '--cfg-options', *classes) == 0
    printed = capsys.readouterr().out
    assert '[red]r[/red]' in printed and 'a$_$b' in printed
    assert list(json.loads((tmp_path / 'out/report.json').read_text())['train']['surveys'][0]['classes']) == NAMES


@pytest.mark.parametrize('name', ['two\nlines', 'a\0', '\udc80', 'a\u2028b', 3, None])
def test_what_is_no_name_is_told(name):
    with pytest.raises(InputError, match=r'categories\[0\]: name is no text'):
        check_annotations(dict(images=[dict(id=1, width=9, height=9)], annotations=[dict(id=1)],
                               categories=[dict(id=1, name=name)]), 'a.json')


def test_pictures_show_names_as_they_are(tmp_path):
    image, number = np.zeros((32, 32, 3), np.uint8), len(NAMES)
    boxes = np.tile([4., 4., 20., 20.], (number, 1))
    save_sheet([Scene(image, {NAMES[0]: Objects(boxes, np.arange(number))})], NAMES, tmp_path / 'sheet.png')
    save_label_sheet([LabelledImage(image, {NAMES[0]: np.zeros((32, 32), int)})], NAMES, [[0, 0, 0]] * number,
                     tmp_path / 'maps.png')
    gains = {'bbox': dict.fromkeys(NAMES, Gain(.4, .5, .1, .05, .15))}
    save_gain_plot(gains, gains, .95, tmp_path / 'gains.png', classes_title=NAMES[0])
    assert all((tmp_path / f'{name}.png').stat().st_size for name in ('sheet', 'maps', 'gains'))
    assert matplotlib.rcParams['text.parse_math']  # others' pictures are as before


def test_pictures_of_a_test_show_them_too(tmp_path):
    Image.new('RGB', (64, 64)).save(tmp_path / 'a$_$b.png')
    visualizer = DetLocalVisualizer.get_instance('dollars')
    visualizer.dataset_meta = dict(classes=NAMES, palette=[(0, 0, 0)] * len(NAMES))
    sample = DetDataSample(metainfo=dict(img_path=str(tmp_path / 'a$_$b.png')))
    sample.pred_instances = InstanceData(bboxes=torch.tensor([[4., 4., 60., 60.]] * 2), labels=torch.tensor([0, 1]),
                                         scores=torch.ones(2))

    class Data:
        def __len__(self):
            return 1

        def get_data_info(self, index):
            return dict(img_path=sample.img_path)

    class Runner:
        work_dir, timestamp = tmp_path, 'now'
        test_dataloader = type('Loader', (), dict(dataset=Data()))

    Runner.visualizer = visualizer
    hook = PicturesHook('pictures', drawing=dict(draw_gt=False))
    hook.before_test(Runner)
    hook.after_test_iter(Runner, 0, outputs=[sample])
    assert np.asarray(Image.open(tmp_path / 'now/pictures/a$_$b.png')).std() > 0
