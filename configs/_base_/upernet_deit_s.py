# UPerNet on a DeiT-S, whose four maps are all of stride 16; size and classes are its data set's.
_base_ = 'mmseg::_base_/models/upernet_vit-b16_ln_mln.py'

channels = 384
model = dict(
    pretrained=None,
    backbone=dict(embed_dims=channels, num_heads=6, patch_bias=True, final_norm=True, drop_path_rate=0.1),
    neck=dict(in_channels=[channels] * 4, out_channels=channels),
    decode_head=dict(in_channels=[channels] * 4, loss_decode=dict(avg_non_ignore=True)),
    auxiliary_head=dict(in_channels=channels, loss_decode=dict(avg_non_ignore=True)))
