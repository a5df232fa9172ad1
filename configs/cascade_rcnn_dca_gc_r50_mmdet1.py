# Cascade R-CNN with DCA-GC-ResNet-50 for the checkpoint that its authors trained with MMDetection 0.6, which is read
# as it is: background first, heads under other names. Anchors, box coding, suppression and RoIAlign are that version's.
_base_ = ['./cascade_rcnn_dca_gc_r50.py', './_base_/mmdet1.py']

model = dict(
    type='MMDet1CascadeRCNN',
    rpn_head=_base_.legacy_anchors,
    roi_head=dict(
        bbox_roi_extractor=_base_.legacy_roi_align,
        bbox_head=[dict(head, bbox_coder=dict(head.bbox_coder, **_base_.legacy_coder))
                   for head in _base_.model.roi_head.bbox_head]),
    test_cfg=dict(rpn=dict(nms_pre=2000, max_per_img=2000, **_base_.legacy_nms), rcnn=_base_.legacy_nms))
