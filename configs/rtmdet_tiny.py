# RTMDet-tiny; COCO 2017, 300 epochs: MMDetection's own, for comparison.
_base_ = ['mmdet::rtmdet/rtmdet_tiny_8xb32-300e_coco.py', './_base_/layeragg_mm.py']
