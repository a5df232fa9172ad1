"""What needs no data is told before anything is imported that takes seconds, and as it would be told later."""
import inspect
import json
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import mmdet
import mmengine.registry
import mmseg
import pytest
import torch
from conftest import CONFIGS, REPOSITORY
from mmengine.registry import Registry

from layeragg_mm.commands.early_checks import check_early, check_names
from layeragg_mm.datasets.sampling import spread
from layeragg_mm.engine.config import written_config
from layeragg_mm.errors import InputError
from layeragg_mm.registered import arguments_of
from layeragg_mm.written import registered, written_arguments

FCOS = CONFIGS / 'fcos_mrla_tiny_digits.py'

CODE = '''
import json, sys
from argparse import Namespace
sys.path.insert(0, {tools!r})
from command_line import modules_alone
told = []
with modules_alone('layeragg_mm', 'layeragg_mm.engine'):
    from layeragg_mm.commands.early_checks import check_early
    from layeragg_mm.errors import InputError
    for tool, arguments in {cases!r}:
        try:
            check_early(tool, Namespace(**arguments))
            told.append('')
        except InputError as error:
            told.append(error.what)
    modules = {{name.partition('.')[0] for name in sys.modules}}
import layeragg_mm.engine
from mmengine.registry import MODELS
print(json.dumps([told, sorted(modules), layeragg_mm.engine.check_config.__name__, 'MRLAResNet' in MODELS.module_dict]))
'''


@pytest.mark.slow
def test_without_imports_that_take_time(digits, tmp_path):
    data, weights = str(digits), str(tmp_path / 'some.pth')
    torch.save({}, weights)
    (tmp_path / 'bad.py').write_text('a = 1 / 0')
    (tmp_path / 'ours.py').write_text("_base_ = __import__('layeragg_mm').config('fcos_mrla_tiny_digits')\n"
                                      "custom_imports = dict(imports=['layeragg_mm', 'layeragg_mm.segmentation'])\n")
    train = [([], ''),
             (['model.backbone.type=MRLAResnet'], "there is no model 'MRLAResnet'; did you mean 'MRLAResNet'?"),
             (['model.backbone.deph=50'], "MRLAResNet has no argument 'deph'; did you mean 'depth'?"),
             (['model.bbox_head.loss_cls.type=FocallLoss'], "no model 'FocallLoss'; did you mean 'FocalLoss'?"),
             (['train_cfg.max_iter=1'], "IterBasedTrainLoop has no argument 'max_iter'"),
             (['model.backbone.depth=20'], 'cannot be built: depth=20 is not available; allowed: 18, 34, 50, 101, 1'),
             (['model.backbone.variant=heavy'], "variant='heavy' is not available; allowed: 'light', 'base'"),
             (['model.backbone.out_indices=[1,4]'], 'out_indices=4 is not available; allowed: 0, 1, 2, 3'),
             (['train_dataloader.dataset.pipeline.2.direction=up'], "direction='up' is not available; allowed: 'horiz"),
             (['trian_cfg.max_epochs=1'], "the config has no 'trian_cfg'; did you mean 'train_cfg'?"),
             (['train_dataloader.dataset.pipeline.2.flip_ratio=0.5'], "RandomFlip has no argument 'flip_ratio'"),
             (['val_evaluator.class_wise=True'], "CocoMetric has no argument 'class_wise'; did you mean 'classwise'?"),
             (['optim_wrapper.optimizer.type=AdamWW'], "there is no optimizer 'AdamWW'; did you mean 'AdamW'?"),
             (['optim_wrapper.optimizer.learning_rate=0.1'], "AdamW has no argument 'learning_rate'"),
             (['train_dataloader.batchsize=2'], "no argument 'batchsize'; did you mean 'batch_size'?"),
             (['randomness.sed=1'], "randomness has no 'sed'; did you mean 'seed'?"),
             (['val_dataloader=None'], 'the config has val_cfg and val_evaluator, but no val_dataloader'),
             (['val_evaluator.ann_file=a.json'], 'annotation file not found: a.json'),
             (['train_dataloader.dataset.data_prefix.img=a'], 'image folder (img) not found')]
    base, own = dict(data_root=data, cfg_options=None), dict(train=None, val=None, test=None, classes=None)
    predicted = dict(config=str(FCOS), checkpoint=weights, images=[f'{data}/train'], out='found', score_thr=.3,
                     cfg_options=None)
    files = [f'{data}/annotations/instances_train.json', f'{data}/train']
    cases = {('train', str(FCOS), tuple(options)): said for options, said in train}
    arguments = [('train', dict(base, config=config, cfg_options=options)) for _, config, options in cases]
    others = [('train', dict(base, config='nowhere.py'), 'config file not found'),
              ('train', dict(base, config=str(tmp_path / 'bad.py')), 'no valid config: ZeroDivisionError'),
              ('train', dict(base, config=str(tmp_path / 'ours.py')), ''),
              ('train', dict(base, config=str(FCOS), data_root=str(tmp_path)), 'annotation file not found'),
              ('train', dict(base, config=str(FCOS), data_root=str(tmp_path), **own), 'nor a usual layout: '),
              ('train', dict(base, config=str(FCOS), data_root=None, **dict(own, train=files, val=files)), ''),
              ('train', dict(base, config=str(FCOS), data_root=None, **dict(own, train=files, val=['a.json', data])),
               '--val: annotation file not found: a.json'),
              ('test', dict(base, config=str(FCOS), checkpoint='none.pth'), 'checkpoint file not found: none.pth'),
              ('test', dict(base, config=weights, checkpoint=str(FCOS)), 'is a checkpoint, and a config should stand'),
              ('compare', dict(baseline='a.json'), 'a.json: No such file'),
              ('reproduce', dict(name='faster_rcnn_rla_r18', checkpoint=None), 'no detector is called'),
              ('reproduce', dict(name='faster_rcnn_rla_r50', checkpoint='none.pth'), 'file not found: none.pth'),
              ('predict', dict(predicted, images=['nowhere']), 'IMAGES: nowhere not found'),
              ('predict', dict(predicted, out=str(tmp_path)), 'is there and not empty'),
              ('predict', dict(predicted, checkpoint='none.pth'), 'checkpoint file not found: none.pth'),
              ('predict', dict(predicted, cfg_options=['model.backbone.deph=50']), "no argument 'deph'"),
              ('predict', predicted, ''),
              ('eval_coco', dict(results=weights, annotations=weights), '')]
    code = CODE.format(tools=str(REPOSITORY / 'tools'), cases=arguments + [each[:2] for each in others])
    found = subprocess.run([sys.executable, '-c', code], check=True, capture_output=True, text=True).stdout
    told, modules, *complete = json.loads(found.splitlines()[-1])
    for said, expected in zip(told, [*cases.values(), *(said for *_, said in others)], strict=True):
        assert expected in said and bool(said) == bool(expected), said
    assert not {'torch', 'mmcv', 'mmdet', 'mmseg', 'scipy', 'matplotlib'} & set(modules)
    assert complete == ['check_config', True]  # what was left out is imported afterwards


@pytest.mark.slow
def test_written_arguments_are_those_of_the_imported_class():
    compared = 0
    for name in ('DATASETS', 'TRANSFORMS', 'METRICS', 'HOOKS', 'LOOPS', 'MODELS'):
        root = getattr(mmengine.registry, name)
        found = dict(root.module_dict)
        for library in (mmdet, mmseg):
            child = getattr(sys.modules[f'{library.__name__}.registry'], name)
            assert isinstance(child, Registry)
            found.update({(library.__name__, key): value for key, value in child.module_dict.items()})
        for key, each in registered(name).items():
            for definition in each:
                built = found.get((definition.library, key), found.get(key))
                written = written_arguments(definition)
                if inspect.isclass(built) and Path(inspect.getfile(built)) == definition.file and written is not None:
                    imported = arguments_of(built)
                    assert imported is not None and set(written) == set(imported), (definition, imported)
                    compared += 1
    assert compared > 300


@pytest.mark.slow
def test_no_config_of_the_libraries_is_refused():
    """But some that the libraries themselves cannot build are."""
    folders = CONFIGS, *(Path(library.__file__).parent / '.mim/configs' for library in (mmdet, mmseg))
    files = [file for folder in folders for file in sorted(folder.rglob('*.py'))
             if '_base_' not in file.parts and file.stem != '__init__']
    looked_at = 0
    for index in spread(len(files), 60):
        try:
            cfg = written_config(str(files[index]), imports=False)
        except InputError:  # some name a base that is not there
            continue
        if files[index].parent == CONFIGS or (cfg is not None and 'custom_imports' not in cfg):
            check_names(cfg, 'train')
            check_names(cfg, 'test')
            looked_at += 1
    assert looked_at > 30


@pytest.mark.parametrize('lines', ["custom_imports = dict(imports=['plugin'])", "model = dict(type='plugin.Some')",
                                   "model = dict(type='mmpretrain.Some')"])
def test_what_may_be_another_library_s_is_left_to_it(lines, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    Path('plugin.py').write_text('')
    Path('config.py').write_text(f"model = dict(type='FCOSS')\n{lines}\n")
    check_early('train', Namespace(config='config.py', data_root=None, cfg_options=None))
