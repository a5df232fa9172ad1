"""File and class names may hold any character: on terminals, in pictures, in tables, on the command line."""
import json
import shutil

import numpy as np
import pytest
from conftest import CONFIGS, refused
from damage import TRAIN, VAL, edited
from matplotlib.figure import Figure
from PIL import Image
from rich.table import Table

from layeragg_mm.datasets.checks import check_data
from layeragg_mm.engine.config import read_config
from layeragg_mm.errors import InputError
from layeragg_mm.names import drawn, is_name, plain_console
from layeragg_mm.study.figures import save_figures
from layeragg_mm.visualization import LabelledImage, Objects, Scene, save_label_sheet, save_sheet

FCOS = CONFIGS / 'fcos_mrla_tiny_digits.py'
FILES = ['Screenshot 2026-08-28 at 8.55.11\u202fPM.png', '画像\u3000\uff08\uff11\uff09.png',
         'Snímek 2026-05-15 v\u00a013.05.05.png',
         'price_$1_$^2.png', '100%_{a}%d.png', '[b] :smile: [/b].png', '_hidden_.PNG', 'a b, c.png']
CLASSES = ['traffic\u00a0light', '$1 bill', '$5 and $10 bills', 'a$_$b', '_private', '[red]x[/red]', '50%', '{name}',
           '交通\u3000灯', ':dog:']


@pytest.mark.parametrize('name, fits', [(name, True) for name in FILES + CLASSES] + [
    ('a\nb', False), ('a\0b', False), ('\ud800', False), ('a\u2028b', False), (7, False), (None, False),
    ('👩‍🚀', True), ('नमस्ते', True)])
def test_what_is_a_name(name, fits):
    assert is_name(name) is fits


@pytest.fixture(scope='module')
def odd(digits, tmp_path_factory):
    """The digits with odd names of all images and classes, and a config for them."""
    folder = tmp_path_factory.mktemp('odd [x] $y$')
    shutil.copytree(digits, folder / 'data')
    for split, file in (('train', TRAIN), ('val', VAL)):

        def rename(content: dict, split=split) -> None:
            for image, name in zip(content['images'], FILES):
                picture = Image.open(folder / 'data' / split / image['file_name'])
                picture.save(folder / 'data' / split / name, format='PNG')
                image['file_name'] = name
            for category, name in zip(content['categories'], CLASSES):
                category['name'] = name

        edited(rename, file)(folder / 'data')
    cfg = read_config(str(FCOS), str(folder / 'data'), dict(custom_hooks=[]))
    for mode in ('train', 'val', 'test'):
        cfg[f'{mode}_dataloader'].dataset.metainfo.classes = tuple(CLASSES)
    cfg.test_evaluator.classwise = True
    cfg.dump(folder / 'config.py')
    return folder


def test_check_dataset(odd, run, capsys, tmp_path):
    assert run('check_dataset', odd / 'config.py', '--out', tmp_path / 'out') == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in CLASSES)
    assert Image.open(tmp_path / 'out/labelled.png').size[0] > 100
    report = json.loads((tmp_path / 'out/report.json').read_text())
    assert list(report['train']['surveys'][0]['classes']) == CLASSES


def test_training_testing_and_pictures(odd, run, tmp_path):
    assert run('train', odd / 'config.py', '--work-dir', tmp_path / 'run', '--cfg-options', 'train_cfg.max_iters=1',
               'train_cfg.val_interval=1') == 0
    assert run('test', odd / 'config.py', tmp_path / 'run/iter_1.pth', '--work-dir', tmp_path / 'test', '--show-dir',
               'pictures', '--cfg-options', 'model.test_cfg.score_thr=0.', 'visualizer.bbox_color=red') == 0
    assert {file.name for file in tmp_path.glob('test/*/pictures/*')} >= set(FILES[:4])


def test_compare_and_eval_coco(odd, run, capsys, tmp_path):
    content = json.loads((odd / 'data' / VAL).read_text())
    results = [dict(image_id=entry['image_id'], category_id=entry['category_id'], bbox=entry['bbox'], score=.9)
               for entry in content['annotations']]
    file = tmp_path / 'results [1].json'
    file.write_text(json.dumps(results))
    assert run('eval_coco', file, odd / 'data' / VAL) == 0
    assert run('compare', file, file, odd / 'data' / VAL, '--out', tmp_path / 'out') == 0
    printed = capsys.readouterr().out
    there = {category['name'] for category in content['categories']} & {CLASSES[entry['category_id'] - 1]
                                                                       for entry in content['annotations']}
    assert all(name in printed for name in there)
    assert (tmp_path / 'out/gains.png').stat().st_size


@pytest.fixture
def written(monkeypatch) -> list[str]:
    """The texts of every figure that is saved, as they are drawn, with whether matplotlib reads them as mathematics."""
    texts = []
    save = Figure.savefig

    def note(figure, *args, **kwargs):
        save(figure, *args, **kwargs)
        from matplotlib.text import Text
        texts.extend((text.get_text(), text.get_parse_math()) for text in figure.findobj(Text) if text.get_text())

    monkeypatch.setattr(Figure, 'savefig', note)
    return texts


def test_sheets(written, tmp_path):
    image = np.zeros((32, 32, 3), np.uint8)
    boxes, labels = np.tile([4., 4, 20, 20], (len(CLASSES), 1)), np.arange(len(CLASSES))
    save_sheet([Scene(image, {name: Objects(boxes, labels)}) for name in FILES], CLASSES, tmp_path / 'sheet.png')
    save_label_sheet([LabelledImage(image, {name: np.zeros((32, 32), int)}) for name in FILES[:2]], CLASSES,
                     [[9, 9, 9]] * len(CLASSES), tmp_path / 'labels.png')
    shown = [text for text, _ in written]
    assert not any(mathematics for _, mathematics in written)
    assert all(drawn(name) in shown for name in FILES) and all(shown.count(drawn(name)) >= 2 for name in CLASSES)
    assert 'traffic light' in shown and 'a$_$b' in shown and '交通 灯' in shown


def test_figures_of_a_study(written, tmp_path):
    curves = dict(loss=[[[1, 2.], [2, 1.]]], bbox=[[[1, .1], [2, .2]]])
    cost = dict(relative={'training step': [1.]})
    arms = [dict(name=str(number), title=title, ablation=False, gains=None, against='0', cost=cost, iterations=10,
                 ap=dict(bbox=dict(AP=dict(mean=.2, deviation=.1))), curves=curves) for number, title in
            enumerate(CLASSES)]
    save_figures(dict(arms=arms), tmp_path)
    assert all(drawn(title) in [text for text, _ in written] for title in CLASSES)
    assert arms[4]['title'] == '_private'  # the summary stays as it is


def test_console(capsys):
    table = Table('[b]title[/b]')
    table.add_row(CLASSES[5])
    console = plain_console(width=200)
    console.print(f'{FILES[5]} {CLASSES[9]}')
    console.print(table)
    printed = capsys.readouterr().out
    assert FILES[5] in printed and CLASSES[9] in printed and CLASSES[5] in printed and '[b]title[/b]' in printed


def test_names_on_the_command_line(odd, run):
    assert run('check_dataset', FCOS, '--data-root', odd / 'data', '--cfg-options', *(
        f'{mode}_dataloader.dataset.metainfo.classes={tuple(CLASSES)}' for mode in ('train', 'val'))) == 0


def upper_case(folder, suffix: str) -> None:
    for file in sorted(folder.rglob(f'*{suffix}')):
        file.rename(file.with_suffix(suffix.upper()))


@pytest.fixture
def labelled(semantic_digits, tmp_path):
    shutil.copytree(semantic_digits, tmp_path / 'data')
    return read_config(str(CONFIGS / 'dla34_ida_digits.py'), str(tmp_path / 'data')), tmp_path / 'data'


def said(cfg) -> str:
    with pytest.raises(InputError) as told:
        check_data(cfg, 'train')
    return str(told.value)


def test_suffixes_in_capitals(labelled):
    cfg, data = labelled
    upper_case(data / 'train', '.bmp')
    told = said(cfg)
    assert f"train_dataloader.dataset: no file in {data}/train ends in '.bmp': it has 8 that end in .BMP" in told
    upper_case(data / 'semantic/train', '.bmp')
    cfg.train_dataloader.dataset.update(img_suffix='.BMP', seg_map_suffix='.BMP')
    check_data(cfg, 'train')
    cfg.train_dataloader.dataset.update(seg_map_suffix='.bmp')
    assert '/semantic/train/000001.bmp is not there; there is 000001.BMP' in said(cfg)


def test_suffixes_of_both_kinds(labelled):
    cfg, data = labelled
    upper_case(data / 'semantic/train', '.none')
    (data / 'train/000003.bmp').rename(data / 'train/000003.BMP')
    assert f"img_suffix='.bmp' leaves out 1 files that end in .BMP in {data}/train" in said(cfg)


def test_an_empty_folder(labelled):
    cfg, data = labelled
    for file in (data / 'train').iterdir():
        file.unlink()
    assert f"no file in {data}/train ends in '.bmp': it is empty" in said(cfg)


def test_an_empty_folder_of_a_detector(run, capsys, digits, tmp_path):
    shutil.copytree(digits, tmp_path / 'data')
    for file in (tmp_path / 'data/train').iterdir():
        file.unlink()
    told = refused(run, capsys, 'check_dataset', FCOS, '--data-root', tmp_path / 'data')
    assert f'000001.bmp; {tmp_path}/data/train is empty' in told
    upper_case(tmp_path / 'data', '.none')
    (tmp_path / 'data/train/000001.BMP').touch()
    assert '000001.bmp; there is 000001.BMP' in refused(
        run, capsys, 'check_dataset', FCOS, '--data-root', tmp_path / 'data')
