# UPerNet, DeiT-S; Cityscapes, 500 epochs: as upernet_r50_cityscapes but for backbone and optimizer.
_base_ = ['mmseg::_base_/models/upernet_vit-b16_ln_mln.py', './_base_/cityscapes.py']

channels = 384
model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    pretrained=None,
    backbone=dict(
        img_size=_base_.crop_size,
        embed_dims=channels,
        num_heads=6,
        patch_bias=True,
        final_norm=True,
        drop_path_rate=0.1),
    neck=dict(in_channels=[channels] * 4, out_channels=channels),
    decode_head=dict(
        in_channels=[channels] * 4, num_classes=_base_.num_classes, loss_decode=dict(avg_non_ignore=True)),
    auxiliary_head=dict(
        in_channels=channels, num_classes=_base_.num_classes, loss_decode=dict(avg_non_ignore=True)))
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=6e-5, betas=(0.9, 0.999), weight_decay=0.01),
    paramwise_cfg=dict(
        norm_decay_mult=0., custom_keys=dict(pos_embed=dict(decay_mult=0.), cls_token=dict(decay_mult=0.))))
