"""tools/reproduce.py: says where a checkpoint is, compares its AP with the published one, refuses what does not fit."""
import pytest
import torch
from conftest import CONFIGS, REPOSITORY, refused
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

from layeragg_mm.published import find_detector, verdicts

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group('reproduce')]  # share the checkpoints

FAST = ['--cfg-options', 'test_dataloader.dataset.indices=1', 'test_dataloader.num_workers=0',
        'test_dataloader.persistent_workers=False']


@pytest.fixture(scope='module')
def checkpoints(tmp_path_factory):
    """A folder with CenterNet's checkpoint, untrained, under its released name."""
    folder = tmp_path_factory.mktemp('checkpoints')
    init_default_scope('mmdet')
    model = MODELS.build(Config.fromfile(CONFIGS / 'centernet_dla34.py').model)
    torch.save(dict(state_dict=model.state_dict()), folder / 'ctdet_coco_dla_2x.pth')
    return folder


@pytest.mark.parametrize('name, said', [
    ('faster_rcnn_rla_eca_r50', ['published box AP 39.8, box AP50 61.2, box AP75 43.2',
                                 'faster_rcnn_r50rlaeca_fpn_1x_coco_398, from https://github.com/fangyanwen1106/RLANet']),
    ('mask_rcnn_r50', ['box AP 38.2, mask AP 34.7', 'https://download.openmmlab.com/mmdetection/v2.0/mask_rcnn/']),
    ('mask_rcnn_mrla_r50', ['no result was published', 'none was released', 'r50_mrlal_77.75']),
    ('retinanet_dca_se_r50_mmdet1', ['published box AP 37.7', 'RetinaNet with DCA-SE-ResNet50, from https://github.com/',
                                     'MMDetection 0.6 wrote it', 'anchors', 'background first']),
    ('cascade_rcnn_dca_gc_r50_mmdet1', ['published box AP 41.4', 'MMDetection 0.6 wrote it']),
    ('retinanet_dla34_ida', ['no result was published', 'python tools/train.py configs/retinanet_dla34_ida.py']),
])
def test_says_which_checkpoint_to_get(run, capsys, name, said):
    assert run('reproduce', name) == 0
    output = capsys.readouterr().out
    assert all(text in output for text in said)


@pytest.mark.parametrize('measured, verdict', [
    (0.388, ['38.8', '38.8', '+0.0', 'reproduced']), (0.387, ['38.7', '38.8', '-0.1', 'reproduced']),
    (0.389, ['38.9', '38.8', '+0.1', 'reproduced']), (0.386, ['38.6', '38.8', '-0.2', 'NOT reproduced']),
])
def test_verdict(measured, verdict):
    row, = verdicts(find_detector('faster_rcnn_rla_r50'), {'coco/bbox_mAP': measured, 'coco/bbox_mAP_s': 0.2})
    assert row == ['box AP', *verdict]


def test_a_metric_without_published_value_is_shown():
    rows = verdicts(find_detector('mask_rcnn_rla_r50'), {'coco/bbox_mAP': 0.395, 'coco/segm_mAP': 0.359})
    assert rows[1] == ['mask AP', '35.9', 'none', '', 'nothing to compare with']


def test_measures_one_checkpoint(checkpoints, coco, run, capsys, tmp_path):
    assert run('reproduce', 'centernet_dla34', '--checkpoint', checkpoints / 'ctdet_coco_dla_2x.pth',
               '--data-root', coco, '--work-dir', tmp_path, *FAST) == 0
    table = capsys.readouterr().out
    assert 'centernet_dla34, ctdet_coco_dla_2x.pth' in table
    assert '37.4' in table and '-37.4' in table and 'NOT reproduced' in table


def test_measures_a_folder_and_writes_a_table(checkpoints, coco, run, tmp_path):
    assert run('reproduce', '--all', checkpoints, '--data-root', coco, '--work-dir', tmp_path, *FAST) == 0
    lines = (tmp_path / 'reproduction.md').read_text().splitlines()
    assert lines[0].startswith('| config | checkpoint | metric | measured | published |')
    assert [line.split(' | ')[0] for line in lines if ' box AP | ' in line] == [
        '| centernet_dla34', '| centernet_dla34_flip']


@pytest.mark.parametrize('arguments, said', [
    (['faster_rcnn_rla_r18'], 'no detector is called faster_rcnn_rla_r18'),
    ([], 'give either NAME'),
    (['centernet_dla34', '--all', REPOSITORY], 'give either NAME'),
    (['--all', REPOSITORY / 'configs'], 'holds no checkpoint'),
    (['centernet_dla34', '--checkpoint', 'nowhere.pth'], 'checkpoint file not found: nowhere.pth'),
])
def test_refuses_wrong_arguments(run, capsys, arguments, said):
    assert said in refused(run, capsys, 'reproduce', *arguments)


def test_refuses_a_checkpoint_of_another_network(checkpoints, coco, run, capsys, tmp_path):
    """Nothing is written, and nothing measured of the others."""
    folder = tmp_path / 'checkpoints'
    folder.mkdir()
    for name in ('centernet_dla34', 'retinanet_dla34_ida'):
        (folder / f'{name}.pth').symlink_to(checkpoints / 'ctdet_coco_dla_2x.pth')
    message = refused(run, capsys, 'reproduce', '--all', folder, '--data-root', coco, '--work-dir', tmp_path / 'run')
    assert 'retinanet_dla34_ida.pth does not fit' in message and not (tmp_path / 'run').exists()
    (folder / 'epoch_12.pth').symlink_to(checkpoints / 'ctdet_coco_dla_2x.pth')
    assert 'no detector is called as epoch_12.pth' in refused(run, capsys, 'reproduce', '--all', folder)


def test_refuses_a_checkpoint_cut_short(checkpoints, coco, run, capsys, tmp_path):
    whole = (checkpoints / 'ctdet_coco_dla_2x.pth').read_bytes()
    (tmp_path / 'centernet_dla34.pth').write_bytes(whole[:len(whole) // 2])
    message = refused(run, capsys, 'reproduce', '--all', tmp_path, '--data-root', coco, '--work-dir', tmp_path / 'run')
    assert 'centernet_dla34.pth is cut short or no checkpoint' in message and not (tmp_path / 'run').exists()


def test_refuses_a_checkpoint_of_another_head(coco, run, capsys, tmp_path):
    """The same backbone and neck: without this check the heads would be random."""
    init_default_scope('mmdet')
    model = Config.fromfile(CONFIGS / 'retinanet_dla34_ida.py').model
    model.bbox_head.num_classes = 3
    torch.save(MODELS.build(model).state_dict(), tmp_path / 'three_classes.pth')
    message = refused(run, capsys, 'test', CONFIGS / 'retinanet_dla34_ida.py', tmp_path / 'three_classes.pth',
                      '--data-root', coco, '--work-dir', tmp_path / 'run')
    assert 'three_classes.pth does not fit RetinaNet: ' in message and 'bbox_head.retina_cls.weight' in message
    assert not (tmp_path / 'run').exists()
