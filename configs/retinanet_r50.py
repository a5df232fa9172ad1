# RetinaNet, FPN, ResNet-50; COCO 2017, 1x schedule: MMDetection's own, for comparison.
_base_ = ['mmdet::retinanet/retinanet_r50_fpn_1x_coco.py', './_base_/layeragg_mm.py']
