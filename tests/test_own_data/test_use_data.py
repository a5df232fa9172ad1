"""Own data in a config, by flags or found in a folder: every path and every number of classes follows."""
import argparse
import json
from pathlib import Path

import numpy as np
import pytest
from cells import CLASSES, lay_out, write_cells
from command_line import add_reading_arguments
from conftest import CONFIGS
from mmengine.registry import DATASETS, init_default_scope
from PIL import Image

from layeragg_mm.configs import walk
from layeragg_mm.engine.config import read_config
from layeragg_mm.errors import InputError
from layeragg_mm.own_data.use import use_data

pytestmark = pytest.mark.slow

FASTER = str(CONFIGS / 'faster_rcnn_rla_r50.py')
MASK = str(CONFIGS / 'mask_rcnn_mrla_r50.py')
SPLITS = 'train', 'val', 'test'


def read(config, *arguments, splits=SPLITS, trained=None):
    """Return the config as a tool for these splits reads it with these arguments."""
    parser = argparse.ArgumentParser()
    add_reading_arguments(parser, *splits)
    args = parser.parse_args([config, *map(str, arguments)])
    cfg = read_config(config, cfg_options=args.cfg_options)
    init_default_scope(cfg.default_scope)
    use_data(cfg, args, trained)
    return cfg


def built(cfg, split):
    """Return the data set of a split, read."""
    init_default_scope(cfg.default_scope)
    node = next(node for _, node in walk(cfg[f'{split}_dataloader'].dataset) if 'data_prefix' in node)
    return DATASETS.build(dict(node, pipeline=[], lazy_init=False))


@pytest.fixture(scope='module')
def cells(tmp_path_factory):
    root = tmp_path_factory.mktemp('cells')
    for seed, split in enumerate(SPLITS):
        write_cells(root / f'{split}.json', root / f'pictures {split}', seed=seed)
    return root


def flags(cells, *splits):
    return [each for split in splits for each in (f'--{split}', cells / f'{split}.json', cells / f'pictures {split}')]


def test_files_classes_heads_and_evaluators_follow(cells, capsys):
    cfg = read(FASTER, *flags(cells, 'train', 'val'))
    assert cfg.model.roi_head.bbox_head.num_classes == 3
    assert cfg.val_evaluator.ann_file == cfg.test_evaluator.ann_file == str(cells / 'val.json')
    for split, seed in (('train', 0), ('val', 1), ('test', 1)):  # tested is on the validation data
        dataset = built(cfg, split)
        assert dataset.metainfo['classes'] == tuple(CLASSES)
        assert len(dataset) == 3 and dataset[0]['img_path'] == str(cells / f'pictures {SPLITS[seed]}/{seed}0.png')
        assert [each['bbox_label'] for each in dataset[0]['instances']] == [0, 1, 2]
    told = capsys.readouterr().out
    assert f'classes as in {cells / "train.json"}, 3: RBC, WBC, platelets' in told
    for key in ('train_dataloader.dataset.ann_file', 'val_dataloader.dataset.data_prefix', 'test_evaluator.ann_file',
                'model.roi_head.bbox_head.num_classes=3', 'val_dataloader.dataset.metainfo'):
        assert key in told


def test_test_data_of_their_own(cells):
    cfg = read(FASTER, *flags(cells, *SPLITS))
    assert cfg.test_evaluator.ann_file == str(cells / 'test.json')
    assert built(cfg, 'test')[0]['img_path'] == str(cells / 'pictures test/20.png')


def test_what_is_written_can_be_moved_with_data_root(cells, tmp_path):
    read(FASTER, *flags(cells, 'train', 'val')).dump(tmp_path / 'written.py')
    moved = tmp_path / 'elsewhere'
    cells.rename(moved)
    try:
        cfg = read(str(tmp_path / 'written.py'), '--data-root', moved)
        assert cfg.val_evaluator.ann_file == str(moved / 'val.json')
        assert built(cfg, 'train')[0]['img_path'] == str(moved / 'pictures train/00.png')
        assert cfg.model.roi_head.bbox_head.num_classes == 3
    finally:
        moved.rename(cells)


@pytest.mark.parametrize('config', [
    'mmdet::cascade_rcnn/cascade-mask-rcnn_r50_fpn_1x_coco.py',
    'mmdet::mask2former/mask2former_r50_8xb2-lsj-50e_coco.py',
    'mmdet::detr/detr_r50_8xb2-150e_coco.py', 'mmdet::point_rend/point-rend_r50-caffe_fpn_ms-1x_coco.py',
    'mmdet::ms_rcnn/ms-rcnn_r50-caffe_fpn_1x_coco.py', 'mmdet::yolox/yolox_s_8xb8-300e_coco.py',
    str(CONFIGS / 'centernet_dla34.py')])
def test_every_number_of_classes_follows_and_no_other(cells, tmp_path, config):
    for seed, split in enumerate(('train', 'val')):
        write_cells(tmp_path / f'{split}.json', tmp_path / f'pictures {split}', seed=seed, masks=True)
    before, cfg = read_config(config), read(config, *flags(tmp_path, 'train', 'val'))
    numbers = dict(of_classes(before))
    assert 80 in numbers.values()
    assert dict(of_classes(cfg)) == {path: 3 if number == 80 else number for path, number in numbers.items()}
    for _, node in walk(cfg.model):
        if isinstance(node.get('class_weight'), list):
            assert node.class_weight == [1., 1., 1., .1]


def of_classes(cfg):
    for path, node in walk(cfg.model, 'model'):
        for key, value in node.items():
            if 'classes' in key and isinstance(value, int):
                yield f'{path}.{key}', value


@pytest.mark.parametrize('config, said', [
    ('mmdet::crowddet/crowddet-rcnn_r50_fpn_8xb2-30e_crowdhuman.py', "reads other files than COCO's"),
    ('mmdet::htc/htc_r50_fpn_1x_coco.py', 'reads maps of stuff beside boxes'),
    ('mmdet::pascal_voc/faster-rcnn_r50_fpn_1x_voc0712.py', 'train_dataloader of the config has 2'),
])
def test_data_sets_of_another_kind_are_refused(tmp_path, config, said):
    for seed, split in enumerate(('train', 'val')):
        write_cells(tmp_path / f'{split}.json', tmp_path / f'pictures {split}', seed=seed, masks=True)
    assert said in refusal(config, *flags(tmp_path, 'train', 'val'))


def test_a_group_of_classes_is_no_class(tmp_path, capsys):
    lay_out(tmp_path, 'roboflow')
    cfg = read(FASTER, '--data-root', tmp_path)
    assert built(cfg, 'val').metainfo['classes'] == tuple(CLASSES)
    assert [each['bbox_label'] for each in built(cfg, 'train')[0]['instances']] == [0, 1, 2]
    assert 'without cells, of which no object is' in capsys.readouterr().out


@pytest.mark.parametrize('layout, said', [
    ('coco2017', 'coco2017'), ('coco', "COCO's without the year (annotations/instances_{train,val}.json with"),
    ('roboflow', "Roboflow's ({train,val}/_annotations.coco.json"), ('images', 'one folder of images')])
def test_usual_layouts_are_found(tmp_path, capsys, layout, said):
    root = tmp_path / 'coco2017'
    lay_out(root, layout)
    cfg = read(FASTER, '--data-root', root)
    assert said in capsys.readouterr().out
    assert cfg.model.roi_head.bbox_head.num_classes == 3
    for split, seed in (('train', 0), ('val', 1), ('test', 1 if layout == 'coco2017' else 2)):
        name = built(cfg, split)[0]['img_path']
        assert name.startswith(str(root)) and name.endswith(f'/{seed}0.png')
    assert json.loads(Path(cfg.val_evaluator.ann_file).read_text())['images'][0]['file_name'] == '10.png'


def test_the_layout_of_the_config_and_its_classes_stay(coco, digits, capsys):
    cfg = read(FASTER, '--data-root', coco)
    assert cfg.model.roi_head.bbox_head.num_classes == 80
    cfg = read(str(CONFIGS / 'fcos_mrla_tiny_digits.py'), '--data-root', digits)
    assert len(cfg.train_dataloader.dataset.metainfo.classes) == 10
    assert capsys.readouterr().out == ''


def test_other_data_bring_their_classes_in_place_of_those_of_the_config(tmp_path):
    lay_out(tmp_path, 'images')
    cfg = read(str(CONFIGS / 'fcos_mrla_tiny_digits.py'), '--data-root', tmp_path)
    assert cfg.model.bbox_head.num_classes == 3 and built(cfg, 'train').metainfo['classes'] == tuple(CLASSES)


def test_what_an_option_says_stays(cells):
    cfg = read(FASTER, *flags(cells, 'train', 'val'), '--cfg-options', 'test_evaluator.ann_file=mine.json')
    assert cfg.test_evaluator.ann_file == 'mine.json' and cfg.val_evaluator.ann_file == str(cells / 'val.json')


def test_tests_alone_keep_the_classes_that_the_config_states(cells, tmp_path):
    read(FASTER, *flags(cells, 'train', 'val')).dump(tmp_path / 'written.py')
    cfg = read(str(tmp_path / 'written.py'), *flags(cells, 'test'))
    assert cfg.test_evaluator.ann_file == str(cells / 'test.json')
    assert cfg.val_evaluator.ann_file == str(cells / 'val.json')
    assert cfg.model.roi_head.bbox_head.num_classes == 3
    assert read(FASTER, *flags(cells, 'test')).model.roi_head.bbox_head.num_classes == 3
    cfg = read(FASTER, *flags(cells, 'test'), splits=['test'], trained=['b', 'a'])
    assert cfg.test_dataloader.dataset.metainfo.classes == ('b', 'a') and cfg.model.roi_head.bbox_head.num_classes == 2


def test_more_classes_than_colours(cells, tmp_path):
    for split in ('train', 'val'):
        content = json.loads((cells / f'{split}.json').read_text())
        content['categories'] += [dict(id=i, name=f'kind {i}') for i in range(4, 101)]
        (tmp_path / f'{split}.json').write_text(json.dumps(content))
        (tmp_path / f'pictures {split}').symlink_to(cells / f'pictures {split}')
    cfg = read(FASTER, *flags(tmp_path, 'train', 'val'))
    assert len(built(cfg, 'val').metainfo['palette']) == len(built(cfg, 'val').metainfo['classes']) == 100


def refusal(config, *arguments, **options) -> str:
    with pytest.raises(InputError) as caught:
        read(config, *arguments, **options)
    return str(caught.value)


def test_masks_cannot_be_learnt_of_boxes(cells):
    assert refusal(MASK, *flags(cells, 'train', 'val')) == (
        f'{MASK} learns masks, and {cells / "train.json"} has boxes only\n'
        f'Take {CONFIGS / "faster_rcnn_mrla_r50.py"}.')
    said = refusal('mmdet::queryinst/queryinst_r50_fpn_1x_coco.py', *flags(cells, 'train', 'val'))
    assert 'Take a config that learns boxes only' in said
    psconv = str(CONFIGS / 'cascade_mask_rcnn_psconv_r50_mmdet1.py')
    assert f'Take {CONFIGS / "cascade_rcnn_psconv_r50_mmdet1.py"}.' in refusal(psconv, *flags(cells, 'train', 'val'))


def test_masks_cannot_be_learnt_of_boxes_found_in_a_folder(tmp_path):
    for layout in ('coco2017', 'roboflow'):
        lay_out(tmp_path / layout, layout)
        said = refusal(MASK, '--data-root', tmp_path / layout)
        assert 'has boxes only' in said and said.endswith('faster_rcnn_mrla_r50.py.')


def test_mistakes_in_the_flags(cells, tmp_path):
    train, val = flags(cells, 'train'), flags(cells, 'val')
    assert '--train is given without --val' in refusal(FASTER, *train)
    assert '--data-root and --train both name the data' in refusal(FASTER, *train, *val, '--data-root', cells)
    swapped = refusal(FASTER, *val, '--train', cells / 'pictures train', cells / 'train.json')
    assert 'the annotation file comes first' in swapped
    missing = refusal(FASTER, *val, '--train', cells / 'trian.json', cells / 'pictures train')
    assert 'annotation file not found' in missing and 'pictures train/' in missing and 'train.json' in missing
    assert 'Leave it out' in refusal(FASTER, *train, *val, '--classes', 'a', 'b')
    assert 'is not a folder' in refusal(FASTER, '--data-root', tmp_path / 'nowhere')
    (tmp_path / 'pictures').mkdir()
    (tmp_path / 'labels.csv').touch()
    unknown = refusal(FASTER, '--data-root', tmp_path)
    assert f'a usual layout: {tmp_path} has ' in unknown and '--train JSON IMAGES' in unknown
    assert 'labels.csv' in unknown and 'pictures/' in unknown
    assert "Roboflow's ({train,val}/_annotations.coco.json with {train,val}/)" in unknown
    half = tmp_path / 'half'
    lay_out(half, 'roboflow')
    (half / 'valid').rename(half / 'held out')
    said = refusal(FASTER, '--data-root', half)
    assert "is laid out as Roboflow's" in said
    assert f'no data to validate on: {half} has train/, held out/, test/' in said
    (tmp_path / 'broken.json').write_text('{"categories": [3], "images": [], "annotations": []}')
    assert 'broken.json' in refusal(FASTER, *val, '--train', tmp_path / 'broken.json', cells / 'pictures train')


@pytest.fixture
def streets(tmp_path):
    """Images and label maps of two classes, of which the names end alike or not."""
    for split in ('train', 'val'):
        for kind, ending in (('images', '.JPG'), ('maps', '_mask.png')):
            folder = tmp_path / kind / split
            folder.mkdir(parents=True)
            for i in (1, 10):
                shape = (16, 20) if kind == 'maps' else (16, 20, 3)
                Image.fromarray(np.full(shape, i == 1, np.uint8)).save(folder / f'{i}{ending}')
    return tmp_path


@pytest.mark.parametrize('config', ['dla34_ida_camvid', 'upernet_rla_r50_cityscapes'])
def test_label_maps(streets, config, capsys):
    cfg = read(str(CONFIGS / f'{config}.py'), '--train', streets / 'images/train', streets / 'maps/train',
               '--val', streets / 'images/val', streets / 'maps/val', '--classes', 'road', 'sky line')
    for split, folder in (('train', 'train'), ('val', 'val'), ('test', 'val')):
        dataset = built(cfg, split)
        assert dataset.metainfo['classes'] == ('road', 'sky line') and dataset.metainfo['label_map'] is None
        assert [dataset[i]['seg_map_path'] for i in range(2)] == [
            str(streets / f'maps/{folder}/{i}_mask.png') for i in (1, 10)]
    assert cfg.model.decode_head.num_classes == 2
    assert all(head.num_classes == 2 for head in [cfg.model.get('auxiliary_head')] if head)
    assert cfg.train_dataloader.dataset.pipeline and cfg.val_dataloader.dataset.pipeline
    assert "seg_map_suffix='_mask.png'" in capsys.readouterr().out


def test_zero_is_a_class_of_own_label_maps(streets):
    cfg = read('mmseg::fcn/fcn_r50-d8_4xb4-80k_ade20k-512x512.py', '--train', streets / 'images/train',
               streets / 'maps/train', '--val', streets / 'images/val', streets / 'maps/val', '--classes', 'a', 'b')
    loading = [node for _, node in walk(cfg.train_dataloader) if node.get('type') == 'LoadAnnotations']
    assert [node.reduce_zero_label for node in loading] == [False]
    assert built(cfg, 'train').reduce_zero_label is False


CAMVID = str(CONFIGS / 'dla34_ida_camvid.py')
UPERNET = 'mmseg::upernet/upernet_r50_4xb4-80k_ade20k-512x512.py'


def lay_out_maps(root, images, maps, splits=('train', 'val'), ending='.png'):
    """Write two images and their label maps for each split into these folders."""
    for split in splits:
        for folder, name, shape in ((images, '{}.jpg', (16, 20, 3)), (maps, '{}' + ending, (16, 20))):
            folder = root / folder.format(split=split)
            folder.mkdir(parents=True, exist_ok=True)
            for i in range(2):
                Image.fromarray(np.full(shape, i, np.uint8)).save(folder / name.format(f'{split}{i}'))


@pytest.mark.parametrize('images, maps, splits, name', [
    ('img_dir/{split}', 'ann_dir/{split}', ('train', 'val'), "MMSegmentation's ({ann_dir,ann}/{train,val} with img"),
    ('images/{split}', 'masks/{split}', ('training', 'validation', 'testing'), 'images beside maps ('),
    ('{split}/images', '{split}/labels', ('train', 'valid', 'test'), 'a folder for each split ('),
    ('{split}', '{split}annot', ('train', 'val', 'test'), "CamVid's ("),
    ('{split}', '{split}_labels', ('train', 'val'), "CamVid's ("),
])
@pytest.mark.parametrize('config', [CAMVID, UPERNET])
def test_layouts_of_label_maps(images, maps, splits, name, config, tmp_path, capsys):
    lay_out_maps(tmp_path, images, maps, splits, '_mask.png')
    cfg = read(config, '--data-root', tmp_path, '--classes', 'road', 'sky line')
    for split, called in zip(SPLITS, (*splits, splits[1])):  # without test data, tested is on the validation data
        dataset = built(cfg, split)
        assert cfg[f'{split}_dataloader'].dataset.data_root == str(tmp_path)
        assert dataset.metainfo['classes'] == ('road', 'sky line') and cfg.model.decode_head.num_classes == 2
        assert [(dataset[i]['img_path'], dataset[i]['seg_map_path']) for i in range(2)] == [
            (str(tmp_path / images.format(split=called) / f'{called}{i}.jpg'),
             str(tmp_path / maps.format(split=called) / f'{called}{i}_mask.png')) for i in range(2)]
    assert f'{tmp_path} is laid out as {name}' in capsys.readouterr().out


def test_label_maps_where_the_config_names_them(tmp_path, capsys):
    lay_out_maps(tmp_path, 'images/{split}', 'annotations/{split}', ('training', 'validation'))
    cfg = read(UPERNET, '--data-root', tmp_path)  # the config's classes, and its way to read them
    assert cfg.train_dataloader.dataset.type == 'ADE20KDataset' and cfg.model.decode_head.num_classes == 150
    cfg = read(UPERNET, '--data-root', tmp_path, '--classes', 'road', 'sky')
    dataset = cfg.train_dataloader.dataset
    assert dataset.type == 'BaseSegDataset' and cfg.model.decode_head.num_classes == 2
    assert dataset.data_prefix == dict(img_path='images/training', seg_map_path='annotations/training')
    assert 'has the folders that the config names; classes, 2: road, sky' in capsys.readouterr().out


def test_no_layout_of_label_maps(tmp_path):
    (tmp_path / 'pictures').mkdir()
    for config, said in ((CAMVID, 'has no usual layout: '),
                         (UPERNET, 'neither the files that the config names (images/training, annotations/training, ')):
        told = refusal(config, '--data-root', tmp_path, '--classes', 'road')
        assert said in told and f'{tmp_path} has pictures/' in told and '--train IMAGES MAPS' in told
        assert 'images beside maps ({annotations,masks,labels}/{train,val} with images/{train,val}/)' in told
    lay_out_maps(tmp_path, '{split}', '{split}annot', ['train'])
    assert 'has no data to validate on' in refusal(CAMVID, '--data-root', tmp_path, '--classes', 'road')
    lay_out_maps(tmp_path, '{split}', '{split}annot', ['val'])
    assert 'Add --classes' in refusal(UPERNET, '--data-root', tmp_path)
    (tmp_path / 'val/val0.jpg').rename(tmp_path / 'val/other.jpg')
    said = refusal(CAMVID, '--data-root', tmp_path, '--classes', 'road')
    assert f'--data-root {tmp_path / "val"} {tmp_path / "valannot"}: other.jpg has no label map' in said
    assert 'no label maps are given' in refusal(CAMVID, '--classes', 'road')


def test_mistakes_in_folders_of_label_maps(streets):
    config = CAMVID
    pair = ['--train', streets / 'images/train', streets / 'maps/train']
    val = ['--val', streets / 'images/val', streets / 'maps/val']
    assert 'Add --classes' in refusal(config, *pair, *val)
    assert 'folder of label maps not found' in refusal(
        config, '--train', streets / 'images/train', streets / 'nowhere', *val, '--classes', 'a')
    (streets / 'images/train/3.png').touch()
    assert '2 .JPG, 1 .png, and MMSegmentation reads images of one' in refusal(config, *pair, *val, '--classes', 'a')
    (streets / 'images/train/3.png').rename(streets / 'images/train/3.JPG')
    assert '3.JPG has no label map of its name: ' in refusal(config, *pair, *val, '--classes', 'a')
    (streets / 'images/train/3.JPG').unlink()
    for i in (1, 10):
        (streets / f'maps/train/{i}_colour.png').touch()
    assert 'each image has several: _colour.png, _mask.png' in refusal(config, *pair, *val, '--classes', 'a')
