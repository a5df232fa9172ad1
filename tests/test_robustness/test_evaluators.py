"""A perfect detector scores 1, or it is told before the test why it would not."""
import json
import shutil

import pytest
from conftest import CONFIGS, refused
from damage import TRAIN, VAL, edited
from mmengine.evaluator import BaseMetric
from mmengine.registry import METRICS
from oracle import write_oracle
from pycocotools.coco import COCO

from layeragg_mm.engine import evaluator_checks
from layeragg_mm.engine.config import read_config

pytestmark = pytest.mark.slow

TRAIN_SPLIT = [f'test_dataloader.dataset.ann_file={TRAIN}', 'test_dataloader.dataset.data_prefix.img=train/']


@pytest.fixture
def oracle(digits, tmp_path, run):
    """A function that tests a perfect detector on a copy of the digits, and returns its exit code or scores."""
    shutil.copytree(digits, tmp_path / 'data')
    config, checkpoint = write_oracle(tmp_path)

    def arguments(*options) -> list:
        return ['test', config, checkpoint, '--data-root', tmp_path / 'data', '--work-dir', tmp_path / 'run',
                '--cfg-options', 'test_evaluator.classwise=False', *options]

    def test(*options) -> dict:
        assert run(*arguments(*options)) == 0
        return json.loads(max((tmp_path / 'run').glob('*/*.json')).read_text())

    test.arguments, test.data = arguments, tmp_path / 'data'
    return test


def test_a_perfect_detector_scores_1(oracle):
    assert oracle()['coco/bbox_mAP'] == 1


def numbered_from_0(content: dict) -> None:
    for number, entry in enumerate(content['annotations']):
        entry['id'] = number


def test_an_annotation_of_id_0(oracle, run, capsys):
    edited(numbered_from_0, VAL)(oracle.data)
    assert 'has an annotation of id 0' in refused(run, capsys, *oracle.arguments())
    edited(lambda content: [entry.update(id=entry['id'] + 1) for entry in content['annotations']] and None,
           VAL)(oracle.data)
    assert oracle()['coco/bbox_mAP'] == 1
    edited(numbered_from_0)(oracle.data)  # training does not mind
    assert run('check_dataset', CONFIGS / 'fcos_mrla_tiny_digits.py', '--data-root', oracle.data) == 0


def of_four_images(content: dict) -> None:
    content['images'] = content['images'][:4]
    content['annotations'] = [entry for entry in content['annotations'] if entry['image_id'] <= 4]


def smaller(content: dict) -> None:
    content['images'][0]['width'] -= 1


@pytest.mark.parametrize('change, options, said', [
    (None, TRAIN_SPLIT, 'is of other images than test_dataloader.dataset: it has none of id 5'),
    (of_four_images, TRAIN_SPLIT, 'hardly any object is where they have one'),  # as many images, of the same names
    (lambda content: content['images'][0].update(file_name='other.bmp'), TRAIN_SPLIT, 'the one of id 1 is 000001.bmp'),
])
def test_the_file_of_another_split(oracle, run, capsys, change, options, said):
    if change is not None:
        edited(change)(oracle.data)
        name = oracle.data / 'train/000001.bmp'
        shutil.copy(name, name.with_name('other.bmp'))
    told = refused(run, capsys, *oracle.arguments(*options))
    assert said in told and 'test_evaluator.ann_file' in told and TRAIN in told


@pytest.mark.parametrize('box, category, others, elsewhere', [
    ([4, 4, 20, 20], 7, 0, False),
    ([40, 4, 20, 20], 7, 0, True),
    ([4, 4, 20, 20], 3, 0, True),  # where boxes lie alike, their classes tell
    ([4, 4, 20, 20], 7, 99, False),  # objects of classes that the config leaves out say nothing
])
def test_objects_of_another_split(box, category, others, elsewhere):
    shown = {1: dict(instances=[dict(bbox=[4, 4, 24, 24], bbox_label=1)])}
    objects = [dict(image_id=1, bbox=box, category_id=category)]
    objects += [dict(image_id=1, bbox=[30, 30, 9, 9], category_id=5)] * others
    content = dict(categories=[dict(id=3, name='a'), dict(id=5, name='left out'), dict(id=7, name='b')],
                   annotations=objects)
    assert evaluator_checks.are_elsewhere(content, shown, ['a', 'b']) is elsewhere


def test_a_file_of_more_images(oracle, run, capsys):
    content = json.loads((oracle.data / VAL).read_text())
    of_four_images(content)
    content['images'] = content['images'][:3]
    content['annotations'] = [entry for entry in content['annotations'] if entry['image_id'] <= 3]
    (oracle.data / 'annotations/three.json').write_text(json.dumps(content))
    three = 'test_dataloader.dataset.ann_file=annotations/three.json'
    assert 'has 1 images that test_dataloader.dataset has not' in refused(run, capsys, *oracle.arguments(three))
    assert oracle('test_dataloader.dataset.indices=3')['coco/bbox_mAP'] < 1  # asked for: a part of the images
    assert oracle(three, f'test_evaluator.ann_file={oracle.data}/annotations/three.json')['coco/bbox_mAP'] == 1


def test_classes_of_the_evaluator_s_file(oracle, run, capsys):
    content = json.loads((oracle.data / VAL).read_text())
    content['categories'].reverse()
    (oracle.data / 'reversed.json').write_text(json.dumps(content))
    told = refused(run, capsys, *oracle.arguments(f'test_evaluator.ann_file={oracle.data}/reversed.json'))
    assert 'in another order than' in told and 'reversed.json' in told


def loads_with_info_only(self, results):
    self.dataset['info']
    return COCO_LOADS(self, results)


COCO_LOADS = COCO.loadRes


def test_a_file_without_info(oracle, run, capsys, monkeypatch):
    edited(lambda content: content.pop('info') and None, VAL)(oracle.data)
    if not evaluator_checks.loading_wants_info():  # the installed pycocotools is none of 2.0.9 and 2.0.10
        assert oracle()['coco/bbox_mAP'] == 1
    monkeypatch.setattr(COCO, 'loadRes', loads_with_info_only)
    assert 'has no "info", which pycocotools' in refused(run, capsys, *oracle.arguments())
    edited(lambda content: content.update(info={}), VAL)(oracle.data)
    assert oracle()['coco/bbox_mAP'] == 1


def test_a_relative_file_that_data_root_does_not_reach(oracle, run, capsys):
    told = refused(run, capsys, *oracle.arguments(f'test_evaluator.ann_file={VAL}'))
    there = oracle.data / VAL
    assert f'annotation file not found: {VAL}; the data set reads {there}' in told
    assert f'--cfg-options test_evaluator.ann_file={there}' in told


SCORES = ['coco/bbox_mAP', 'coco/bbox_mAP_50', 'coco/bbox_mAP_l']


@pytest.mark.parametrize('path, settings', [
    ('default_hooks.checkpoint.save_best', dict(default_hooks=dict(checkpoint=dict(save_best='bbox_mAP')))),
    ('custom_hooks.0.monitor', dict(custom_hooks=[dict(type='EarlyStoppingHook', monitor='bbox_mAP')])),
    ('param_scheduler.0.monitor', dict(param_scheduler=[dict(type='ReduceOnPlateauLR', monitor='bbox_mAP')])),
])
def test_a_score_that_the_evaluator_does_not_give(run, capsys, digits, tmp_path, path, settings):
    config, _ = write_oracle(tmp_path, **settings)
    told = refused(run, capsys, 'train', config, '--data-root', digits, '--work-dir', tmp_path / 'run')
    assert f"{path}: val_evaluator gives no 'bbox_mAP'; did you mean 'coco/bbox_mAP'?" in told
    assert all(score in told for score in SCORES)


def test_scores_of_other_metrics():
    given = {}
    for node in (dict(type='mmseg.IoUMetric', iou_metrics=['mIoU', 'mDice']), dict(type='mmdet.VOCMetric'),
                 dict(type='mmdet.CocoMetric', metric=['segm', 'proposal_fast'], proposal_nums=(10,)),
                 dict(type='mmdet.DumpDetResults', out_file_path='a.pkl')):
        (_, _, metric), = evaluator_checks.build_metrics(node, 'val_evaluator')
        given[node['type'].split('.')[1]] = evaluator_checks.scores_of(metric)
    assert sorted(given['IoUMetric']) == ['aAcc', 'mAcc', 'mDice', 'mIoU']
    assert given['VOCMetric'] == ['pascal_voc/mAP', 'pascal_voc/AP50']
    assert given['CocoMetric'][:2] == ['coco/AR@10', 'coco/segm_mAP'] and given['DumpDetResults'] is None


@METRICS.register_module()
class CountMetric(BaseMetric):
    """Counts images; nobody knows its scores before it gives them."""

    def process(self, data_batch, data_samples) -> None:
        self.results += data_samples

    def compute_metrics(self, results: list) -> dict:
        return dict(count=len(results))


def test_scores_that_are_not_known_are_told_after_the_first_validation(run, capsys, digits, tmp_path):
    config, _ = write_oracle(tmp_path, val_evaluator=dict(_delete_=True, type='CountMetric', prefix='mine'))
    arguments = ['train', config, '--data-root', digits, '--work-dir', tmp_path / 'run', '--cfg-options',
                 'train_cfg.max_iters=1', 'train_cfg.val_interval=1', 'default_hooks.checkpoint.rule=greater']
    code = run(*arguments, 'default_hooks.checkpoint.save_best=mine/cuont')
    assert str(code).startswith("error: save_best: the validation gives no 'mine/cuont'; did you mean 'mine/count'?")
    assert run(*arguments, 'default_hooks.checkpoint.save_best=mine/count') == 0
    assert list((tmp_path / 'run').glob('best_mine_count*'))


def test_no_file_and_no_truth(run, capsys, digits, tmp_path):
    config, checkpoint = write_oracle(tmp_path, test_evaluator=dict(ann_file=None))
    arguments = ['test', config, checkpoint, '--data-root', digits, '--work-dir', tmp_path / 'run', '--cfg-options']
    assert "test_evaluator has no ann_file" in refused(run, capsys, *arguments, 'test_cfg.fp16=False')
    keys = "('img_id','img_path','ori_shape','img_shape','scale_factor','instances')"
    assert run(*arguments, f'test_dataloader.dataset.pipeline.3.meta_keys={keys}') == 0
    assert json.loads(next((tmp_path / 'run').glob('*/*.json')).read_text())['coco/bbox_mAP'] == 1


def test_several_evaluators_and_data_sets_with_tta(run, tmp_path, digits):
    alone, together = tmp_path / 'alone.py', tmp_path / 'together.py'
    cfg = read_config(str(CONFIGS / 'fcos_mrla_tiny_digits.py'), str(digits),
                      dict(custom_hooks=[], val_dataloader=None, val_cfg=None, val_evaluator=None))
    cfg.dump(alone)
    one, metric = cfg.test_dataloader.dataset, cfg.test_evaluator
    cfg.test_dataloader.dataset = dict(type='ConcatDataset',
                                       datasets=[dict(one, indices=[0, 1]), dict(one, indices=[2, 3])])
    cfg.test_evaluator = [metric, dict(metric, prefix='again')]
    cfg.dump(together)
    assert run('train', alone, '--work-dir', tmp_path / 'trained', '--cfg-options', 'train_cfg.max_iters=1') == 0
    scores = []
    for config in (alone, together):
        work_dir = tmp_path / f'run_{config.stem}'
        assert run('test', config, tmp_path / 'trained/iter_1.pth', '--work-dir', work_dir, '--tta',
                   '--cfg-options', 'model.test_cfg.score_thr=0.') == 0
        scores.append(json.loads(next(work_dir.glob('*/*.json')).read_text()))
    alone, together = scores
    assert together['again/bbox_mAP'] == together['coco/bbox_mAP'] == alone['coco/bbox_mAP']
