# Cascade R-CNN, FPN, DCA-GC-ResNet-50, which starts as the plain ResNet; COCO 2017, 20 epochs, as published.
_base_ = ['mmdet::cascade_rcnn/cascade-rcnn_r50_fpn_20e_coco.py', './_base_/layeragg_mm.py']

model = dict(backbone=dict(type='DCAResNet', connected='gc'))
