# What all segmentation configs share: the DLA authors' training by epochs, 16 images a step.
_base_ = 'mmseg::_base_/default_runtime.py'
custom_imports = dict(imports=['layeragg_mm.segmentation', 'layeragg_mm.engine'], allow_failed_imports=False)

optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=1e-4))
auto_scale_lr = dict(enable=False, base_batch_size=16)
sync_bn = 'torch'  # when several processes train; one alone has plain batch norm
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=10),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(type='CheckpointHook', interval=10, max_keep_ckpts=2),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    visualization=dict(type='SegVisualizationHook'))
log_processor = dict(by_epoch=True)
