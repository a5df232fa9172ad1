"""tools/visualize.py: sheets of predictions, pictures of layers, and what is refused."""
import pytest
import torch
from conftest import CONFIGS, refused
from matplotlib.image import imread
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

pytestmark = pytest.mark.slow

DIGITS_CONFIG = CONFIGS / 'mask_rcnn_mrla_r50_digits.py'


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    """A checkpoint with weights as training starts."""
    path = tmp_path_factory.mktemp('checkpoint') / 'start.pth'
    init_default_scope('mmdet')
    torch.manual_seed(0)
    torch.save(dict(state_dict=MODELS.build(Config.fromfile(DIGITS_CONFIG).model).state_dict()), path)
    return path


def test_two_models_beside_the_truth(run, digits, checkpoint, tmp_path):
    other = tmp_path / 'other.pth'
    other.write_bytes(checkpoint.read_bytes())
    assert run('visualize', 'predictions', DIGITS_CONFIG, checkpoint, '--other', DIGITS_CONFIG, other, '--data-root',
               digits, '--num-images', 2, '--score-thr', 0, '--out', tmp_path / 'made' / 'here',
               '--cfg-options', 'model.test_cfg.rcnn.max_per_img=5') == 0
    sheet = imread(tmp_path / 'made/here/predictions.png')
    assert 1.3 < sheet.shape[1] / sheet.shape[0] < 1.6 and sheet.std() > .1  # three square panels, twice


def test_images_without_truth_need_no_data_set(run, digits, checkpoint, tmp_path):
    image = next((digits / 'val').iterdir())
    for command in ('predictions', 'layers'):
        assert run('visualize', command, DIGITS_CONFIG, checkpoint, '--images', image, '--out', tmp_path) == 0
        assert imread(tmp_path / f'{command}.png').std() > .01


@pytest.mark.parametrize('command, options, said', [
    ('predictions', ['--num-images', 0], '--num-images 0'),
    ('predictions', ['--images', 'nowhere.png'], 'nowhere.png'),
    ('predictions', ['--cfg-options', 'model.backbone.variant=base'], 'does not fit'),
    ('predictions', ['--other', CONFIGS / 'mask_rcnn_r50.py', 'nowhere.pth'], 'have different classes'),
    ('layers', ['--cfg-options', 'model.backbone.depth=101'], 'does not fit'),
    ('layers', ['--out', __file__], 'no folder'),
])
def test_refuses(run, capsys, digits, checkpoint, tmp_path, command, options, said):
    assert said in refused(run, capsys, 'visualize', command, DIGITS_CONFIG, checkpoint, '--data-root', digits,
                           '--out', tmp_path / 'out', *options)
    assert not (tmp_path / 'out').exists()
