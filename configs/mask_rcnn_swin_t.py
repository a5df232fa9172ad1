# Mask R-CNN, FPN, Swin-T; COCO 2017, 1x schedule: MMDetection's own, for comparison.
_base_ = ['mmdet::swin/mask-rcnn_swin-t-p4-w7_fpn_1x_coco.py', './_base_/layeragg_mm.py']
