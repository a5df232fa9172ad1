"""Every variant of every backbone, as data; a new one joins tests, benchmark and documents by being listed.

The vision transformers are there where ``layeragg_mm.segmentation`` was imported.
"""

__all__ = ['ATTACHED', 'PLAIN', 'VARIANTS']

DEIT = {'tiny': dict(embed_dims=192, num_heads=3), 'small': dict(embed_dims=384, num_heads=6),
        'base': dict(embed_dims=768, num_heads=12)}
DEIT_OUTPUTS = 2, 5, 8, 11
EFFICIENTNET_OUTPUTS = 2, 3, 4, 5

# OpenMMLab's own, to compare with; without the loading of weights that belongs to its configs.
PLAIN = {
    **{f'resnet{depth}': dict(type='mmdet.ResNet', depth=depth) for depth in (18, 34, 50, 101, 152)},
    **{f'resnext{depth}_32x4d': dict(type='mmdet.ResNeXt', depth=depth, groups=32, base_width=4)
       for depth in (50, 101)},
    'gc_r50': dict(type='mmdet.ResNet', depth=50, plugins=[
        dict(cfg=dict(type='ContextBlock', ratio=1 / 16), position='after_conv3')]),
    'mobilenet_v2': dict(type='mmdet.MobileNetV2'),
    **{f'deit_{size}': dict(type='mmseg.VisionTransformer', out_indices=DEIT_OUTPUTS, patch_bias=True, final_norm=True,
                            norm_cfg=dict(type='LN', eps=1e-6), **width) for size, width in DEIT.items()},
    **{f'efficientnet_{arch}': dict(type='mmdet.EfficientNet', arch=arch, out_indices=EFFICIENTNET_OUTPUTS,
                                    conv_cfg=None, norm_cfg=dict(type='BN')) for arch in ('b0', 'b1', 'b2')},
    'res2net50': dict(type='mmdet.Res2Net', depth=50),
    'resnest50': dict(type='mmdet.ResNeSt', depth=50, stem_channels=64),
    'regnetx_400mf': dict(type='mmdet.RegNet', arch='regnetx_400mf'),
    'hrnet_w18': dict(type='mmdet.HRNet', extra={
        f'stage{n}': dict(num_modules=modules, num_branches=n, block='BOTTLENECK' if n == 1 else 'BASIC',
                          num_blocks=(4,) * n, num_channels=(64,) if n == 1 else tuple(18 << i for i in range(n)))
        for n, modules in ((1, 1), (2, 1), (3, 4), (4, 3))}),
    'cspnext_tiny': dict(type='mmdet.CSPNeXt', deepen_factor=.167, widen_factor=.375),
    'cspdarknet_s': dict(type='mmdet.CSPDarknet', deepen_factor=.33, widen_factor=.5),
    'swin_t': dict(type='mmdet.SwinTransformer'),
    'pvt_t': dict(type='mmdet.PyramidVisionTransformer', num_layers=[2, 2, 2, 2]),
    'pvt_v2_b0': dict(type='mmdet.PyramidVisionTransformerV2', embed_dims=32, num_layers=[2, 2, 2, 2]),
    'mit_b0': dict(type='mmseg.MixVisionTransformer', embed_dims=32, num_layers=[2, 2, 2, 2], num_heads=[1, 2, 5, 8]),
    'mscan_t': dict(type='mmseg.MSCAN', embed_dims=[32, 64, 160, 256], depths=[3, 3, 5, 2], mlp_ratios=[8, 8, 4, 4],
                    norm_cfg=dict(type='BN')),
    'mobilenet_v3_large': dict(type='mmseg.MobileNetV3', arch='large', out_indices=(1, 3, 16)),
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
    **{f'mrla_dynamic_r{depth}': dict(type='MRLAResNet', depth=depth, variant='dynamic') for depth in (18, 50, 101)},
    **{f'mrla_key_correlated_r{depth}': dict(type='MRLAResNet', depth=depth, variant='key_correlated')
       for depth in (18, 50, 101)},
    'rla_mobilenet_v2': dict(type='RLAMobileNetV2'),
    'rla_eca_mobilenet_v2': dict(type='RLAMobileNetV2', attention='eca'),
    'rla_full_mobilenet_v2': dict(type='RLAMobileNetV2', recurrence='full'),
    **{f'{name}_deit_{size}': dict(type='MRLAVisionTransformer', variant=variant, out_indices=DEIT_OUTPUTS, **width)
       for name, variant in (('mrla', 'light'), ('mrla_base', 'base')) for size, width in DEIT.items()},
    'efficientnet_lite0': dict(type='EfficientNetLite0', out_indices=EFFICIENTNET_OUTPUTS),
    **{f'mrla_efficientnet_{arch}': dict(type='MRLAEfficientNet', arch=arch, out_indices=EFFICIENTNET_OUTPUTS)
       for arch in ('b0', 'b1', 'b2')},
    **{f'dla{arch}': dict(type='DLANet', arch=arch)
       for arch in ('34', '46_c', '46x_c', '60x_c', '60', '60x', '102', '102x', '102x2', '169')},
    'pyconv_r18': dict(type='PyConvResNet', depth=18),
    'pyconv_r50': dict(type='PyConvResNet', depth=50),
    'pyconv_hg_r50': dict(type='PyConvHGResNet', depth=50),
    'weightnet_shufflenet_v2_0.5x': dict(type='WeightNetShuffleNetV2', widen_factor=0.5),
    'weightnet_shufflenet_v2_1.0x': dict(type='WeightNetShuffleNetV2', widen_factor=1.0),
    'dgc_r18': dict(type='DGCResNet', depth=18),
}


def attached(trunk: dict, aggregation: str) -> dict:
    return dict(type='LayerAggregation', backbone=trunk, aggregation=dict(type=aggregation))


# Any aggregation attaches to any trunk that has a place for it; these are examples, all of them ours.
ATTACHED = {
    **{f'mrla_{name}': attached(PLAIN[name], 'LightLayerAttention') for name in (
        'mobilenet_v2', 'res2net50', 'resnest50', 'regnetx_400mf', 'hrnet_w18', 'cspnext_tiny', 'cspdarknet_s',
        'swin_t', 'pvt_t', 'pvt_v2_b0', 'mit_b0', 'mscan_t', 'mobilenet_v3_large')},
    'mrla_dla34': attached(VARIANTS['dla34'], 'LightLayerAttention'),
    **{f'mrla_base_{name}': attached(PLAIN[name], 'BaseLayerAttention') for name in ('swin_t', 'pvt_v2_b0')},
    **{f'rla_{name}': attached(PLAIN[name], 'RecurrentAggregation') for name in ('cspnext_tiny', 'regnetx_400mf')},
    **{f'mrla_dynamic_{name}': attached(PLAIN[name], 'DynamicLayerAttention') for name in ('mobilenet_v2',)},
}
