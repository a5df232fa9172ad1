"""Every variant of every backbone, as data; a new one joins tests, benchmark and documents by being listed."""

__all__ = ['PLAIN', 'VARIANTS']

# MMDetection's own, to compare with; without the loading of weights that belongs to its configs.
PLAIN = {
    **{f'resnet{depth}': dict(type='mmdet.ResNet', depth=depth) for depth in (18, 34, 50, 101, 152)},
    **{f'resnext{depth}_32x4d': dict(type='mmdet.ResNeXt', depth=depth, groups=32, base_width=4)
       for depth in (50, 101)},
}

VARIANTS = {
    'fast_r18': dict(type='FastResNet', depth=18),
    'fast_r50': dict(type='FastResNet', depth=50),
    'rla_r18': dict(type='RLAResNet', depth=18),
    'rla_r34': dict(type='RLAResNet', depth=34),
    'rla_r50': dict(type='RLAResNet', depth=50),
    'rla_r101': dict(type='RLAResNet', depth=101),
    'rla_r152': dict(type='RLAResNet', depth=152),
    'rla_se_r50': dict(type='RLAResNet', depth=50, attention='se'),
    'rla_eca_r50': dict(type='RLAResNet', depth=50, attention='eca'),
    'rla_eca_r101': dict(type='RLAResNet', depth=101, attention='eca'),
    'rla_x50_32x4d': dict(type='RLAResNeXt', depth=50, groups=32, base_width=4),
    'rla_x101_32x4d': dict(type='RLAResNeXt', depth=101, groups=32, base_width=4),
    'mrla_r18': dict(type='MRLAResNet', depth=18, variant='light'),
    'mrla_r34': dict(type='MRLAResNet', depth=34, variant='light'),
    'mrla_r50': dict(type='MRLAResNet', depth=50, variant='light'),
    'mrla_r101': dict(type='MRLAResNet', depth=101, variant='light'),
    'mrla_r152': dict(type='MRLAResNet', depth=152, variant='light'),
    'mrla_eca_r50': dict(type='MRLAResNet', depth=50, variant='light', attention='eca'),
    'mrla_base_r18': dict(type='MRLAResNet', depth=18, variant='base'),
    'mrla_base_r34': dict(type='MRLAResNet', depth=34, variant='base'),
    'mrla_base_r50': dict(type='MRLAResNet', depth=50, variant='base'),
    'mrla_base_r101': dict(type='MRLAResNet', depth=101, variant='base'),
    'mrla_base_se_r50': dict(type='MRLAResNet', depth=50, variant='base', attention='se'),
    'mrla_base_deep_r50': dict(
        type='MRLAResNet', depth=50, variant='base', deep_stem=True, mrla_act_cfg=dict(type='ReLU')),
    **{f'dla{arch}': dict(type='DLANet', arch=arch)
       for arch in ('34', '46_c', '46x_c', '60x_c', '60', '60x', '102', '102x', '102x2', '169')},
}
