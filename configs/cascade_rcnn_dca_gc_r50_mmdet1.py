# Cascade R-CNN with DCA-GC-ResNet-50 for the checkpoint that its authors trained with MMDetection 0.6, which is read
# as it is: background first, heads under other names. Anchors, box coding, suppression and RoIAlign are that version's.
_base_ = './cascade_rcnn_dca_gc_r50.py'

coder = dict(type='LegacyDeltaXYWHBBoxCoder')
model = dict(
    type='MMDet1CascadeRCNN',
    rpn_head=dict(
        anchor_generator=dict(type='LegacyAnchorGenerator', center_offset=0.5),
        bbox_coder=coder),
    roi_head=dict(
        bbox_roi_extractor=dict(roi_layer=dict(sampling_ratio=2, aligned=False)),
        bbox_head=[dict(head, bbox_coder=dict(head.bbox_coder, **coder))
                   for head in _base_.model.roi_head.bbox_head]),
    test_cfg=dict(
        rpn=dict(nms_pre=2000, max_per_img=2000, nms=dict(offset=1)),
        rcnn=dict(nms=dict(offset=1))))
