"""What the text of a constructor tells of values is what the constructor does with them."""
import pytest
from mmdet.registry import MODELS, TRANSFORMS
from mmengine.registry import init_default_scope

import layeragg_mm.segmentation  # noqa: F401  (registers)
from layeragg_mm.written import registered
from layeragg_mm.written_values import refused_value

REFUSED = [
    ('MRLAResNet', dict(depth=20), 'depth=20 is not available; allowed: 18, 34, 50, 101, 152'),
    ('MRLAResNet', dict(depth='50'), "depth='50' is not available; allowed: 18, 34, 50, 101, 152"),
    ('MRLAResNet', dict(depth=50, variant='heavy'), "variant='heavy' is not available; allowed: 'light', "),
    ('MRLAResNet', dict(depth=50, drop_path_rate=1.5), 'drop_path_rate=1.5 is not available; allowed: 0 <= rate < 1'),
    ('MRLAEfficientNet', dict(drop_path_rate=-1), 'drop_path_rate=-1 is not available; allowed: 0 <= rate < 1'),
    ('MRLAVisionTransformer', dict(drop_path_rate=1), 'drop_path_rate=1 is not available; allowed: 0 <= rate < 1'),
    ('MRLAResNet', dict(depth=18, reduction=4), "with reduction, variant='light' is not available; allowed: 'dynamic'"),
    ('RLAResNet', dict(depth=18, attention='se'), "with attention='se', depth=18 is not available; allowed: 50, 101"),
    ('RLAResNet', dict(depth=18, out_indices=[0, 9]), 'out_indices=9 is not available; allowed: 0, 1, 2, 3'),
    ('RLAResNet', dict(depth=18, out_indices=3), 'out_indices=3 is not available; allowed: one or more of 0, 1, 2, 3'),
    ('RLAResNeXt', dict(depth=34), 'depth=34 is not available; allowed: 50, 101, 152'),  # a table made of its base's
    ('DCAResNet', dict(depth=18, connected='gce'), "connected='gce' is not available; allowed: 'gc', 'se', 'ge'"),
    ('DLANet', dict(arch='35'), "arch='35' is not available; allowed: '34', '46_c'"),
    ('DLANet', dict(arch='34', out_indices=()), 'out_indices is empty; allowed: one or more of 0, 1, 2, 3, 4, 5'),
    ('MRLAEfficientNet', dict(arch='b9'), "arch='b9' is not available; allowed: 'b0', 'b1'"),  # MMDetection's table
    ('GroupEnsembleResNet', dict(depth=50, members=9), 'members=9 is not available; allowed: 1, 2'),
    ('ResNet', dict(depth=20), 'depth=20 is not available; allowed: 18, 34, 50, 101, 152'),
    ('ResNet', dict(depth=18, num_stages=5), 'assert num_stages >= 1 and num_stages <= 4'),
    ('Res2Net', dict(depth=18), 'depth=18 is not available; allowed: 50, 101, 152'),
    ('FPN', dict(in_channels=64, out_channels=64, num_outs=1), 'assert isinstance(in_channels, list)'),
    ('RandomFlip', dict(prob=.5, direction='up'), "direction='up' is not available; allowed: 'horizontal'"),
]
TAKEN = [
    ('MRLAResNet', dict(depth=18, variant='dynamic', reduction=4, attention='dca_se', resize='narrow')),
    ('RLAResNet', dict(depth=18, out_indices=[0, 3], frozen_stages=4, norm_cfg=dict(type='GN', num_groups=2))),
    ('DCAResNet', dict(depth=18, connected='gc')),
    ('DLANet', dict(arch='34', out_indices=[5], frozen_stages=5)),
    ('PyConvHGResNet', dict(depth=50)),
    ('DGCResNet', dict(depth=18)),  # its constructor puts what it gives on into kwargs
    ('RegNet', dict(arch='regnetx_400mf')),  # passes over ResNet's constructor, whose first argument it would not fit
    ('ResNet', dict(depth=18, num_stages=2, strides=(1, 2), dilations=(1, 1), out_indices=(1,))),
    ('RandomFlip', dict(prob=[.25, .25], direction=['horizontal', 'vertical'])),
]


def definition(name):
    found, = (each for each in registered('MODELS', 'TRANSFORMS')[name] if each.library in ('mmdet', 'layeragg_mm'))
    return found


def built(name, given):
    init_default_scope('mmdet')
    return (MODELS if definition(name).registry == 'MODELS' else TRANSFORMS).build(dict(given, type=name))


@pytest.mark.parametrize('name, given, said', REFUSED)
def test_what_is_refused(name, given, said):
    assert said in refused_value(definition(name), given)
    with pytest.raises((AssertionError, KeyError, ValueError)):
        built(name, given)


@pytest.mark.parametrize('name, given', TAKEN)
def test_what_is_taken(name, given):
    assert refused_value(definition(name), given) is None
    built(name, given)
