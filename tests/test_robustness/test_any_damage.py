"""Whatever is broken in a file, a tool ends well or refuses it in two lines; and it counts what MMDetection learns."""
import copy
import json
import shutil

import pytest
from conftest import CONFIGS
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from mmengine.registry import DATASETS, init_default_scope

from layeragg_mm.datasets import make_digit_scenes
from layeragg_mm.datasets.annotations import load_training_annotations
from layeragg_mm.datasets.survey import survey
from layeragg_mm.engine.config import read_config, set_data_root

pytestmark = pytest.mark.slow

# The same files are tried everywhere; fixtures hold nothing that an example changes.
THOROUGHLY = settings(derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), database=None)

numbers = st.integers(-2, 70) | st.floats() | st.sampled_from([.5, -0., 1e-300, 1e5, 1e9, 1e308, 2**31, 2**53, 10**30])
scalars = st.none() | st.booleans() | numbers | st.text(max_size=8)
values = st.recursive(scalars, lambda inner: (st.lists(inner, max_size=6) | st.dictionaries(
    st.sampled_from(['id', 'size', 'counts', 'bbox']) | st.text(max_size=4), inner, max_size=3)), max_leaves=8)


def places(content) -> list[tuple]:
    """Return every place in a JSON value as the container and the key or index there."""
    items = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    return [place for key, value in items for place in [(content, key), *places(value)]]


@st.composite
def damaged_json(draw, content) -> str:
    """Draw the text of ``content`` with up to three places changed, taken out or repeated, and at times cut itself."""
    content = [copy.deepcopy(content)]
    for _ in range(draw(st.integers(1, 3))):
        container, key = draw(st.sampled_from(places(content)))
        action = draw(st.sampled_from(['replace', 'replace', 'remove', 'repeat']))
        if action == 'replace':
            container[key] = draw(values)
        elif action == 'repeat' and isinstance(container, list):
            container.append(copy.deepcopy(container[key]))
        elif container is not content:
            del container[key]
    text = json.dumps(content[0])
    if draw(st.integers(0, 9)) == 0:
        start = draw(st.integers(0, len(text)))
        text = text[:start] + draw(st.text(max_size=3)) + text[start + draw(st.integers(0, 20)):]
    return text


def ends_well_or_refuses(run, capsys, *arguments) -> None:
    """Run a tool, which takes its input (training data as a pipeline does) or refuses it in two lines."""
    capsys.readouterr()
    code = run(*arguments)
    error = capsys.readouterr().err.strip()  # a progress bar leaves an empty line
    assert code in (0, 2)
    assert code == 0 or (len(error.splitlines()) == 2 and error.startswith('error: '))


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """Two training scenes and one for validation, and the demo's config in one file."""
    folder = tmp_path_factory.mktemp('damaged')
    make_digit_scenes(folder / 'data', train=2, val=1, size=64)
    cfg = read_config(str(CONFIGS / 'mask_rcnn_mrla_r50_digits.py'))
    set_data_root(cfg, str(folder / 'data'))
    cfg.dump(folder / 'config.py')
    return folder


@pytest.mark.parametrize('split, examples', [('train', 40), ('val', 10)])
def test_check_dataset(run, capsys, data, split, examples):
    file = data / f'data/annotations/instances_{split}.json'
    whole = file.read_text()

    @settings(THOROUGHLY, max_examples=examples)
    @given(damaged_json(json.loads(whole)))
    def try_it(text):
        file.write_text(text, errors='surrogatepass')
        ends_well_or_refuses(run, capsys, 'check_dataset', data / 'config.py')

    try:
        try_it()
    finally:
        file.write_text(whole)


@pytest.mark.parametrize('damaged', ['results', 'annotations'])
def test_evaluation(run, capsys, data, tmp_path, damaged):
    annotations = json.loads((data / 'data/annotations/instances_train.json').read_text())
    results = [dict(image_id=entry['image_id'], category_id=entry['category_id'], score=.5, bbox=entry['bbox'],
                    segmentation=entry['segmentation']) for entry in annotations['annotations'][:4]]
    contents = dict(results=results, annotations=annotations)
    files = {name: tmp_path / f'{name}.json' for name in contents}
    for name, file in files.items():
        file.write_text(json.dumps(contents[name]))
    whole = shutil.copy(files['results'], tmp_path / 'baseline.json')

    @settings(THOROUGHLY, max_examples=20)
    @given(damaged_json(contents[damaged]), st.booleans())
    def try_it(text, compare):
        files[damaged].write_text(text, errors='surrogatepass')
        tool = ['compare', whole] if compare else ['eval_coco']
        options = ['--resamples', 50] if compare else []
        ends_well_or_refuses(run, capsys, *tool, *files.values(), *options)

    try_it()


plausible_boxes = st.lists(st.integers(-10, 70) | st.sampled_from([0., .5, 1., 64., 500.]), min_size=4, max_size=4).map(
    lambda box: [*box[:2], abs(box[2]), abs(box[3])])
plausible = st.fixed_dictionaries({}, optional=dict(
    bbox=plausible_boxes,
    area=st.sampled_from([0, .5, 900]),
    iscrowd=st.booleans(),
    ignore=st.booleans(),
    category_id=st.sampled_from([1, 2, 77]),
    segmentation=st.sampled_from([[[5, 5, 20, 20]], [[5, 5, 20, 5, 20, 20]], [[1, 2, 3], [5, 5, 20, 5, 20, 20]],
                                  dict(size=[64, 64]), dict(size=[64, 64], counts=[4000, 96])])))


@settings(THOROUGHLY, max_examples=40)
@given(st.lists(plausible, min_size=6, max_size=6), st.booleans(), st.booleans(), st.sampled_from([0, 64, 65]))
@example([{}] * 6, True, True, 0)
def test_what_is_ignored_is_what_mmdetection_ignores(data, tmp_path_factory, changes, poly2mask, drop_empty, min_size):
    cfg = read_config(str(data / 'config.py')).train_dataloader.dataset
    content = json.loads((data / 'data' / cfg.ann_file).read_text())
    content['categories'].append(dict(id=77, name='other'))
    for entry, change in zip(content['annotations'], changes):
        entry.update(change)
    file = data / 'changed.json'
    file.write_text(json.dumps(content))
    filter_cfg = dict(filter_empty_gt=drop_empty, min_size=min_size)
    found = survey(load_training_annotations(file, poly2mask), cfg.metainfo.classes, poly2mask, filter_cfg)

    init_default_scope('mmdet')
    load = dict(type='LoadAnnotations', with_bbox=True, with_mask=True, poly2mask=poly2mask)
    dataset = DATASETS.build(dict(
        cfg, ann_file=str(file), filter_cfg=filter_cfg, pipeline=[load], serialize_data=False))
    learnt = []
    for index in range(len(dataset)):
        loaded = dataset.pipeline(dict(dataset.get_data_info(index), ori_shape=(64, 64)))
        learnt += loaded['gt_bboxes_labels'][~loaded['gt_ignore_flags']].tolist()
    assert len(dataset) == found.images
    assert [learnt.count(label) for label in range(10)] == [count.objects for count in found.classes.values()]
