# RetinaNet, FPN, PVTv2-B0; COCO 2017, 1x schedule: MMDetection's own, for comparison.
_base_ = ['mmdet::pvt/retinanet_pvtv2-b0_fpn_1x_coco.py', './_base_/layeragg_mm.py']
