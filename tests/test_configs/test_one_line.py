"""``backbone=dict(type='MRLAResNet')`` in the installed libraries' configs, one of each family: docs/one_line.md."""
import re

import mmdet
import mmseg
import pytest
import torch
from conftest import REPOSITORY
from one_line import config_of, families, learn_and_predict, resnets_of, small

from layeragg_mm.engine.auto_channels import fill_channels

pytestmark = pytest.mark.slow

ROW = re.compile(r'^\| (\S+) \| `(\S+\.py)` \| (.*) \|$', re.M)
TEXT = (REPOSITORY / 'docs/one_line.md').read_text(encoding='utf-8')
LIBRARIES = {mmdet: TEXT.split('\n## ')[1], mmseg: TEXT.split('\n## ')[2]}
CASES = {f'{library.__name__}-{family}': (library, family, name)
         for library, text in LIBRARIES.items() for family, name, result in ROW.findall(text) if result == 'works'}


@pytest.mark.parametrize('case', CASES)
def test_learns_and_predicts(case, shallow):
    library, family, name = CASES[case]
    model = small(config_of(library, family, name).model)
    for backbone in resnets_of(model):
        backbone.update(type='MRLAResNet', init_cfg=None)
    network, predictions = learn_and_predict(library, model, 384 if family == 'ddod' else 128)
    attention = {key: value for key, value in network.named_parameters() if '.mrla.' in key and value.requires_grad}
    assert attention and all(value.grad is not None and value.grad.isfinite().all() for value in attention.values())
    assert len(predictions) == 2


@pytest.mark.parametrize('family, name, backbone', [
    ('rtmdet', 'rtmdet_tiny_8xb32-300e_coco.py', dict(type='MRLAResNet', depth=50, out_indices=(1, 2, 3))),
    ('yolox', 'yolox_tiny_8xb8-300e_coco.py', dict(type='RLAResNet', depth=50, out_indices=(1, 2, 3))),
    ('retinanet', 'retinanet_r50_fpn_1x_coco.py', dict(type='DLANet', arch='34', out_indices=(0, 1, 2, 3))),
])
def test_a_neck_takes_the_channels_of_another_backbone(family, name, backbone, shallow):
    model = small(config_of(mmdet, family, name).model)
    model.backbone, model.neck.in_channels = backbone, 'auto'
    fill_channels(model)
    _, predictions = learn_and_predict(mmdet, model, 128)
    assert len(predictions) == 2


@pytest.mark.parametrize('library', LIBRARIES, ids=lambda library: library.__name__)
def test_every_family_is_listed(library):
    listed = {family: name for family, name, _ in ROW.findall(LIBRARIES[library])}
    installed = families(library)
    assert set(installed) == set(listed)


@pytest.mark.parametrize('options', [dict(contract_dilation=True), dict(multi_grid=(1, 2, 4))])
def test_dilates_as_mmseg_s_resnet(options):
    from mmseg.models import ResNet
    from mmseg.registry import MODELS
    common = dict(depth=50, base_channels=8, stem_channels=8, strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4), **options)
    torch.manual_seed(0)
    theirs = ResNet(**common)
    theirs.eval()
    ours = MODELS.build(dict(type='MRLAResNet', channels_per_head=8, **common)).eval()  # starts as the plain network
    missing, unexpected = ours.load_state_dict(theirs.state_dict(), strict=False)
    assert all('.mrla.' in key for key in missing) and not unexpected
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        for one, other in zip(ours(x), theirs(x), strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=1e-5 * other.abs().max().item())


def test_multi_grid_of_another_length_is_told():
    from mmengine.registry import MODELS
    with pytest.raises(ValueError, match='allowed: 3 dilations'):
        MODELS.build(dict(type='MRLAResNet', depth=50, multi_grid=(1, 2)))
