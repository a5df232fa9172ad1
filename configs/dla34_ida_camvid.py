# DLA-34 with IDA upsampling; CamVid, 1,200 epochs, as published.
_base_ = ['./_base_/dla34_ida_segmentor.py', './_base_/camvid.py']

model = dict(
    data_preprocessor=dict(size=_base_.crop_size), decode_head=dict(num_classes=_base_.num_classes))
