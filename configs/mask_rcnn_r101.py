# Mask R-CNN, FPN, ResNet-101; COCO 2017, 1x schedule: MMDetection's own, for comparison.
_base_ = ['mmdet::mask_rcnn/mask-rcnn_r101_fpn_1x_coco.py', './_base_/layeragg_mm.py']
