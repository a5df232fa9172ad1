# RetinaNet with DCA-SE-ResNet-50 for the checkpoint that its authors trained with MMDetection 0.6: anchors, box coding
# and suppression of that version, in which a box from pixel 3 to pixel 3 has the width 1.
_base_ = './retinanet_dca_se_r50.py'

model = dict(
    bbox_head=dict(
        anchor_generator=dict(type='LegacyAnchorGenerator', center_offset=0.5),
        bbox_coder=dict(type='LegacyDeltaXYWHBBoxCoder')),
    test_cfg=dict(nms=dict(offset=1)))
