"""What is written on the command line is what the config gets."""
import pytest
from conftest import CONFIGS, refused
from mmengine.config import DictAction

from layeragg_mm.engine.options import value_of

AS_MMENGINE = ['1', '1.5', '1e-3', 'true', 'False', 'None', 'text', '1,2,3', '[1,2]', '(64,64)', '(1)',
               '[(1,2,3),[a,b],c]', 'inf', '007', 'a,b', '(a,)', 'model.pth', '[a,None,true]', '-1', '', 'a/b-c_d']


@pytest.mark.parametrize('text', AS_MMENGINE)
def test_reads_what_mmengine_reads(text):
    value = value_of(text)
    assert (value, type(value)) == (DictAction._parse_iterable(text), type(DictAction._parse_iterable(text)))


@pytest.mark.parametrize('text, value', [
    ('my data/instances (1).json', 'my data/instances (1).json'),
    ('a(b.json', 'a(b.json'),
    ('[draft] a.json', '[draft] a.json'),
    ("'a,b.json'", 'a,b.json'),
    ("('traffic light','car, red',7)", ('traffic light', 'car, red', 7)),
    ('traffic light,car', ['traffic light', 'car']),
    ("{'type': 'Resize', 'scale': (64, 64)}", dict(type='Resize', scale=(64, 64))),
    ("[{'type': 'A', 'b': [1, 2]}, {'type': 'C'}]", [dict(type='A', b=[1, 2]), dict(type='C')]),
    ('price_$1_%d{x}.png', 'price_$1_%d{x}.png'),
    ("Anna's.json", "Anna's.json"),
    ('価格\u3000表.json', '価格\u3000表.json'),
])
def test_names_keep_what_is_in_them(text, value):
    assert value_of(text) == value


@pytest.mark.parametrize('option', ['train_cfg.max_iters', '=3'])
def test_what_is_no_option_is_refused(run, capsys, option):
    assert 'Write KEY=VALUE.' in refused(run, capsys, 'train', CONFIGS / 'fcos_mrla_tiny_digits.py', '--cfg-options',
                                         option)
