_base_ = ['../../configs/_base_/dla34_ida_segmentor.py', './half_size.py']

model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    backbone=dict(init_cfg=None),
    decode_head=dict(num_classes=_base_.num_classes))
