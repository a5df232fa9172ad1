# RetinaNet with DCA-SE-ResNet-50 for the checkpoint that its authors trained with MMDetection 0.6: anchors, box coding
# and suppression of that version.
_base_ = ['./retinanet_dca_se_r50.py', './_base_/mmdet1.py']

model = dict(bbox_head=_base_.legacy_anchors, test_cfg=_base_.legacy_nms)
