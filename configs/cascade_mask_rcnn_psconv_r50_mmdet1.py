# Cascade Mask R-CNN with PS-ResNet-50 for the checkpoint that its authors trained with MMDetection 0.6, which is read
# as it is; see faster_rcnn_psconv_r50_mmdet1.
_base_ = ['mmdet::cascade_rcnn/cascade-mask-rcnn_r50_fpn_1x_coco.py', './_base_/layeragg_mm.py', './_base_/mmdet1.py']

model = dict(
    type='MMDet1CascadeRCNN',
    backbone=dict(dcn=dict(type='PSConv2d', form='literal'), stage_with_dcn=(True, True, True, True), init_cfg=None),
    rpn_head=_base_.legacy_anchors,
    roi_head=dict(
        bbox_roi_extractor=_base_.legacy_roi_align,
        bbox_head=[dict(head, bbox_coder=dict(head.bbox_coder, **_base_.legacy_coder))
                   for head in _base_.model.roi_head.bbox_head],
        mask_roi_extractor=_base_.legacy_roi_align),
    test_cfg=dict(rpn=_base_.legacy_nms, rcnn=_base_.legacy_nms))
