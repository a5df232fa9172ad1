# CenterNet, ResNet-18; COCO 2017, 140 epochs: MMDetection's own, for comparison.
_base_ = ['mmdet::centernet/centernet_r18-dcnv2_8xb16-crop512-140e_coco.py', './_base_/layeragg_mm.py']
