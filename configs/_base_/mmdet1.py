# What makes boxes and features those of MMDetection 0.6 and 1, in which a box from pixel 3 to pixel 3 has the width 1:
# parts for a detector's model, where its config puts them.
legacy_coder = dict(type='LegacyDeltaXYWHBBoxCoder')
legacy_anchors = dict(anchor_generator=dict(type='LegacyAnchorGenerator', center_offset=0.5), bbox_coder=legacy_coder)
legacy_roi_align = dict(roi_layer=dict(sampling_ratio=2, aligned=False))
legacy_nms = dict(nms=dict(offset=1))
