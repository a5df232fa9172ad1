"""Every variant of every backbone, as data; a new one joins tests, benchmark and documents by being listed."""

__all__ = ['PLAIN', 'VARIANTS']

# MMDetection's own, to compare with; without the loading of weights that belongs to its configs.
PLAIN = {
    **{f'resnet{depth}': dict(type='mmdet.ResNet', depth=depth) for depth in (18, 34, 50, 101, 152)},
    **{f'resnext{depth}_32x4d': dict(type='mmdet.ResNeXt', depth=depth, groups=32, base_width=4)
       for depth in (50, 101)},
    'gc_r50': dict(type='mmdet.ResNet', depth=50, plugins=[
        dict(cfg=dict(type='ContextBlock', ratio=1 / 16), position='after_conv3')]),
    'mobilenet_v2': dict(type='mmdet.MobileNetV2'),
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
    'rla_dca_gc_r50': dict(type='RLAResNet', depth=50, attention='dca_gc'),
    'mrla_base_dca_cbam_r50': dict(type='MRLAResNet', depth=50, variant='base', attention='dca_cbam'),
    'dca_gc_r50': dict(type='DCAResNet', depth=50, connected='gc'),
    'dca_gc_r34': dict(type='DCAResNet', depth=34, connected='gc'),
    'dca_se_r50': dict(type='DCAResNet', depth=50, connected='se'),
    'dca_ge_r50': dict(type='DCAResNet', depth=50, connected='ge'),
    'dca_cbam_r50': dict(type='DCAResNet', depth=50, connected='cbam'),
    'dca_sk_r50': dict(type='DCAResNet', depth=50, connected='sk'),
    **{f'dca_{connected}_mobilenet_v2': dict(type='DCAMobileNetV2', connected=connected)
       for connected in ('se', 'ge', 'cbam', 'sk')},
    **{f'mobilenext_{round(100 * factor):03}': dict(type='MobileNeXt', widen_factor=factor)
       for factor in (.35, 1., 1.4)},
    'mobilenext_100_ssd': dict(type='MobileNeXt', out_indices=(5, 7), ssd_taps=True),
    'group_ensemble_r50': dict(type='GroupEnsembleResNet', depth=50, members=2),
    'group_ensemble_x50_32x4d': dict(type='GroupEnsembleResNet', depth=50, members=2, groups=32, base_width=4),
    **{f'dla{arch}': dict(type='DLANet', arch=arch)
       for arch in ('34', '46_c', '46x_c', '60x_c', '60', '60x', '102', '102x', '102x2', '169')},
    'pyconv_r18': dict(type='PyConvResNet', depth=18),
    'pyconv_r50': dict(type='PyConvResNet', depth=50),
    'pyconv_hg_r50': dict(type='PyConvHGResNet', depth=50),
    'weightnet_shufflenet_v2_0.5x': dict(type='WeightNetShuffleNetV2', widen_factor=0.5),
    'weightnet_shufflenet_v2_1.0x': dict(type='WeightNetShuffleNetV2', widen_factor=1.0),
    'dgc_r18': dict(type='DGCResNet', depth=18),
}
