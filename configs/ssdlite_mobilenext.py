# SSDLite 320, MobileNeXt at the taps of the authors' SSDLite, from scratch; COCO 2017, MMDetection's 600 epochs.
_base_ = ['mmdet::ssd/ssdlite_mobilenetv2-scratch_8xb24-600e_coco.py', './_base_/layeragg_mm.py']

model = dict(
    backbone=dict(type='MobileNeXt', out_indices=(5, 7), ssd_taps=True),
    neck=dict(in_channels=(576, 1280), out_channels=(576, 1280, 512, 256, 256, 128)),
    bbox_head=dict(type='PredictingSSDHead', in_channels=(576, 1280, 512, 256, 256, 128)))
