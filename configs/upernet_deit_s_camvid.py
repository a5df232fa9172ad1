# UPerNet, DeiT-S; CamVid, 1,200 epochs: as upernet_r50_camvid but for backbone and optimizer.
_base_ = ['./_base_/upernet_deit_s.py', './_base_/camvid.py']

model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    backbone=dict(img_size=_base_.crop_size),
    decode_head=dict(num_classes=_base_.num_classes),
    auxiliary_head=dict(num_classes=_base_.num_classes))
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=6e-5, betas=(0.9, 0.999), weight_decay=0.01),
    paramwise_cfg=dict(
        norm_decay_mult=0., custom_keys=dict(pos_embed=dict(decay_mult=0.), cls_token=dict(decay_mult=0.))))
