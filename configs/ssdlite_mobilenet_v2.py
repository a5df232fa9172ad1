# SSDLite, MobileNetV2; COCO 2017, from scratch, 600 epochs: MMDetection's own, for comparison.
_base_ = ['mmdet::ssd/ssdlite_mobilenetv2-scratch_8xb24-600e_coco.py', './_base_/layeragg_mm.py']
