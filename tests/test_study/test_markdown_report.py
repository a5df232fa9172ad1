"""What the report says of gains, and how it goes into a document with others."""
import os

import pytest

from layeragg_mm.study import insert_report, report, save_figures, steps

PICTURES = dict.fromkeys(['gains', 'time', 'breakdown', 'curves'], 'picture.png')


def gain(middle: float, margin: float) -> dict:
    return dict(baseline=.4, ours=.4 + middle, gain=middle, low=middle - margin, high=middle + margin)


def arm(name: str, ap_gain: dict | None = None, *, against: str | None = 'plain', ablation: bool = False) -> dict:
    spread = dict(values=[.4, .42], mean=.41, deviation=.0141)
    names = ('AP', 'AP50', 'AP75', 'APs', 'APm', 'APl')
    return dict(
        name=name, title=name.title(), config='a.py', cfg_options={}, init_from=None, against=against,
        ablation=ablation, seeds=[0, 1], iterations=100,
        curves={'loss': [[(10, 2.), (20, 1.)]] * 2, 'bbox': [[(50, .2), (100, .4)]] * 2},
        ap=dict(bbox=dict(dict.fromkeys(names, spread), classes={'cat': spread, 'dog': spread})),
        gains={} if ap_gain is None else dict(
            bbox=dict(dict.fromkeys(names, ap_gain), classes={'cat': ap_gain, 'dog': ap_gain}, of_seeds=[.01, .02])),
        cost=None if ablation else dict(parameters=10**6, flops=10**9,
                                        relative={'training step': [1.2, 1.1, 1.3], 'activations': [1.1] * 3}))


def summary(*arms: dict, images: int = 40) -> dict:
    return dict(
        study=dict(title='A study', limits='Small.', file='a.yaml', sha256='0123456789abcdef' * 4, commit='abc1234',
                   seeds=[0, 1], confidence=.95, cost_size=[64, 64]),
        data=dict(images=images, objects=90, objects_of_class=[60, 30],
                  images_with=dict(AP=images, AP50=images, AP75=images, APs=images, APm=4, APl=0)),
        environment=dict(device='CPU', torch='2', mmcv='2', mmdet='3'), cells=8, done=8, failures={},
        arms=[arm('plain', against=None), *arms],
        repetitions=[dict(arm='better', seed=1, difference=0., ap=dict(bbox=[.4, .4]))])


def test_says_which_gains_are_real():
    text = report(summary(arm('better', gain(.02, .01)), arm('worse', gain(-.02, .01)), arm('same', gain(.01, .03)),
                          arm('part', gain(.03, .01), against='better', ablation=True)), PICTURES, 'run it')
    assert '- Better than Plain: Better (box AP +2.00).' in text
    assert '- Worse: Worse (box AP -2.00).' in text
    assert '- Not distinguishable from noise: Same (box AP +1.00).' in text
    assert '| Better | 41.0 ± 1.4 | +2.00 (+1.00 to +3.00)* | 2 | 100 | 1.20 | 1.10 | 1.0 | 1.00 |' in text
    assert '| Part | Better | 41.0 ± 1.4 | +3.00 (+2.00 to +4.00)* |' in text
    assert '41.0 ± 1.4 (+2.00*) | 41.0 ± 1.4 (+2.00) |' in text  # of medium objects, 4 images say nothing
    assert 'large' not in text
    assert 'commit `abc1234`' in text and '`run it`' in text and 'Small.' in text
    assert 'better, seed 1: box AP 40.0000 and 40.0000; all numbers are identical' in text
    assert 'Not complete' not in text and 'failed' not in text


def test_few_images_show_nothing():
    text = report(summary(arm('better', gain(.02, .01)), images=6), PICTURES, 'run it')
    assert 'Not distinguishable from noise: Better' in text and 'Better than' not in text


@pytest.mark.parametrize('arms', [
    [],  # only the baseline is done
    [arm('better', gain(.02, .01)), arm('part', gain(.03, .01), ablation=True)],
])
def test_draws_and_writes_whatever_is_done(arms, tmp_path):
    so_far = summary(*arms)
    files = save_figures(so_far, tmp_path)
    assert set(files) == set(PICTURES if arms else ['time', 'curves'])
    assert all(path.stat().st_size > 5000 for path in files.values())
    text = report(so_far, {name: path.name for name, path in files.items()}, 'run it')
    assert '| Plain | 41.0 ± 1.4 |' in text and text.count('.png)') == len(files)


def test_a_document_holds_each_study_once(tmp_path):
    document = tmp_path / 'gains.md'
    insert_report(document, 'one', '## One\n\nfirst\n')
    insert_report(document, 'two', '## Two\n')
    document.write_text(document.read_text() + 'By hand.\n')
    insert_report(document, 'one', '## One\n\nsecond \\1\n')
    text = document.read_text()
    assert text.index('# What') < text.index('second \\1') < text.index('## Two') < text.index('By hand.')
    assert 'first' not in text and text.count('## One') == text.count('## Two') == 1


@pytest.mark.parametrize('name, files, expected', [
    ('train', ['config.py'], ['config.py', '8', '--resume']),
    ('test', ['config.py', 'weights.pth'], ['config.py', 'weights.pth', '8', '--resume']),
])
def test_several_gpus_go_through_the_launcher(monkeypatch, name, files, expected):
    called = []
    monkeypatch.setattr(os, 'execve', lambda *arguments: called.append(arguments) or exit())
    with pytest.raises(SystemExit):
        steps._run_script(name, files, ['--resume'], 8)
    (script, arguments, environment), = called
    assert script.endswith(f'dist_{name}.sh') and os.access(script, os.X_OK)
    assert arguments == [script, *expected] and 'python' in environment['PYTHON']
