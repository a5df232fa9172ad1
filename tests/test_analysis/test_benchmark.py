"""What networks cost: exact where it is counted, paired where it is timed, and refused where it makes no sense."""
import json
import time
from functools import partialmethod

import pytest
import torch
from conftest import CONFIGS, refused
from rich.console import Console

from layeragg_mm.analysis import (
    Cost,
    Entrant,
    Setting,
    Workload,
    at_depth,
    benchmark,
    build_backbone,
    build_detector,
    compare,
    complexity,
    kept_activations,
    operator_table,
    operator_times,
)
from layeragg_mm.fast import FORMS, fast_forms

pytestmark = pytest.mark.slow

CPU = torch.device('cpu')


def test_kept_activations_count_each_storage_once():
    x, weight = torch.randn(8, 16), torch.randn(16, requires_grad=True)
    kib = 8 * 16 * 4
    assert kept_activations(lambda: x * weight) == kib  # x, for the gradient of the weight
    assert kept_activations(lambda: (x * weight)[:1].exp().sum()) == kib + 16 * 4  # and the row's exponential
    assert kept_activations(lambda: (x * weight) * (x * weight.detach()) + x) == 2 * kib  # x a second time is none
    with torch.no_grad():
        assert kept_activations(lambda: x * weight) == 0


def test_complexity_of_a_convolution():
    conv = torch.nn.Conv2d(3, 8, 3, padding=1)
    assert complexity(conv, (10, 12)) == (3 * 8 * 9 + 8, 3 * 8 * 9 * 10 * 12)


@pytest.mark.parametrize('name', ['rla_r50', 'mrla_r50', 'mrla_base_r50', 'dla34'])
def test_literal_forms_compute_the_same_and_keep_more(name):
    x = torch.randn(2, 3, 96, 96)
    torch.manual_seed(0)
    model = build_backbone(name).train()
    for key, parameter in model.named_parameters():
        if key.endswith('mrla.norm.weight'):
            torch.nn.init.constant_(parameter, .5)
    outs, kept = [], []
    for fast in (True, False):
        with fast_forms(fast):
            outs.append(model(x))
            kept.append(kept_activations(lambda: model(x)))
    for fast, literal in zip(*outs):
        torch.testing.assert_close(fast, literal, rtol=0, atol=1e-5 * literal.abs().max().item())
    assert kept[0] < kept[1]


def test_ratios_are_of_the_same_round():
    baseline = Cost('a', 1, 1, 100, None, {'inference': [1., 2., 4.]})
    cost = Cost('b', 1, 1, 150, None, {'inference': [2., 4., 8.], 'fused inference': [.5, 2., 8.]})
    ratios = cost.relative(baseline)
    assert ratios['inference'] == (2, 2, 2)
    assert ratios['fused inference'] == (1, .75, 1.5)
    assert ratios['activations'] == (1.5, 1.5, 1.5)
    assert 'peak memory' not in ratios


def test_networks_take_turns():
    order = []
    models = [torch.nn.Conv2d(3, 4, 3) for _ in range(3)]
    for index, model in enumerate(models):
        model.register_forward_hook(lambda module, *_, index=index: order.append((index, module.training)))
    steps = []
    costs = compare([Entrant(str(i), model) for i, model in enumerate(models)], Setting(CPU, (33, 33), 1), rounds=2,
                    track=lambda sequence, text: steps.append(text) or order.clear() or sequence)
    assert steps == ['counting', 'timing']
    assert [index for index, training in order] == [0, 1, 2, 0, 1, 2, 1, 2, 0, 1, 2, 0, 2, 0, 1, 2, 0, 1,
                                                    0, 1, 2, 0, 1, 2]
    assert [training for _, training in order] == 4 * [True, True, True, False, False, False]
    assert all(len(seconds) == 2 and min(seconds) > 0 for cost in costs for seconds in cost.seconds.values())
    assert all(parameter.grad is None for model in models for parameter in model.parameters())


@pytest.fixture
def graphs(monkeypatch):
    """The graphs that torch.compile makes, which are run as they are."""
    graphs = []

    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward

    monkeypatch.setattr(torch.nn.Module, 'compile', partialmethod(torch.nn.Module.compile, backend=backend))
    monkeypatch.setattr(torch._dynamo.config, 'recompile_limit', 8)  # puts it back
    yield graphs
    torch.compiler.reset()


class CompiledConv(torch.nn.Conv2d):
    """Notes when it is run eagerly after it was compiled."""

    def forward(self, x):
        if not torch.compiler.is_compiling() and self._compiled_call_impl is not None:
            self.eager_steps.append(self)
        return super().forward(x)


def test_what_is_said_to_be_compiled_is_not_run_eagerly(graphs, monkeypatch):
    monkeypatch.setattr(CompiledConv, 'eager_steps', [], raising=False)
    for side in (33, 34):
        setting = Setting(CPU, (side, side), 1)
        entrants = [Entrant(str(i), CompiledConv(3, i, 3), fused=True, compiled=True) for i in range(1, 5)]
        compare(entrants, setting, rounds=1)
        assert len(graphs) == 3 * 4  # training, inference, fused inference of each
        operator_times([Entrant('plain', CompiledConv(3, 5, 3), compiled=True)], setting)
        assert len(graphs) == 3 * 4 + 1
        graphs.clear()
    assert not CompiledConv.eager_steps


def test_the_tool_compiles_fused_networks_too(graphs, run, tmp_path):
    assert run('benchmark', 'dla46_c', '--baseline', 'dla46_c', '--size', 33, 33, '--batch', 1, '--rounds', 1,
               '--compile', '--fuse', '--json', tmp_path / 'costs.json') == 0
    rows, = json.loads((tmp_path / 'costs.json').read_text())['comparisons'].values()
    assert [row['name'] for row in rows] == ['dla46_c', 'dla46_c, compiled']
    assert all('fused inference' in row['seconds'] for row in rows)
    assert len(graphs) >= 3  # of a fused network the copies to other layouts are graphs too


@pytest.mark.parametrize('limit', [0, 1, 2, 15, 16, 17, 40])
def test_the_largest_batch_is_sought_from_a_guess(limit, monkeypatch):
    """From the peak of 100 bytes for two images in 800 free bytes: 16."""
    tried = []
    monkeypatch.setattr(benchmark, '_fits', lambda workload, batch: tried.append(batch) or batch <= limit)
    monkeypatch.setattr(torch.cuda, 'mem_get_info', lambda device: (800, 1000))
    workload = Workload(torch.nn.Conv2d(3, 4, 3), Setting(CPU, (33, 33), 2))
    assert benchmark._largest_batch(workload, peak_memory=100) == limit
    assert tried[0] == 16 and len(tried) == len(set(tried))


def test_names_at_depths():
    assert at_depth('rla_x50_32x4d', 101) == 'rla_x101_32x4d'
    assert at_depth('mrla_base_deep_r50', None) == 'mrla_base_deep_r50'


def test_the_tool_writes_table_data_and_chart_of_the_growth(run, tmp_path, capsys):
    assert run('benchmark', 'dla46_c', '--baseline', 'dla46x_c', '--sizes', 33, 64, '--batch', 1, '--rounds', 2,
               '--literal', '--fuse', '--json', tmp_path / 'costs.json', '--chart', tmp_path / 'costs.png') == 0
    output = capsys.readouterr().out
    assert '33x33, batch 1, cpu' in output and '64x64, batch 1' in output and 'frozen batch norm' in output
    report = json.loads((tmp_path / 'costs.json').read_text())
    baseline, fast, literal = report['comparisons']['64x64']
    assert [row['name'] for row in (baseline, fast, literal)] == ['dla46x_c', 'dla46_c', 'dla46_c, literal']
    assert {kind: len(seconds) for kind, seconds in fast['seconds'].items()} == {
        'training step': 2, 'inference': 2, 'fused inference': 2}
    assert 'fused inference' not in literal['seconds']
    assert baseline['relative']['inference'] == [1, 1, 1]
    assert (tmp_path / 'costs.png').stat().st_size > 0


def test_a_profile_adds_up():
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8))
    start = time.perf_counter()
    plain, fused = operator_times([Entrant('plain', model), Entrant('fused', model, fused=True)],
                                  Setting(CPU, (64, 64), 1))
    elapsed = time.perf_counter() - start
    assert plain['aten::conv2d'] > 0 and fused['aten::conv2d'] > 0
    assert plain['aten::native_batch_norm'] > 0 and 'aten::native_batch_norm' not in fused
    assert 10 * (sum(plain.values()) + sum(fused.values())) < elapsed  # each operator's own time, not twice
    console = Console(width=100)
    with console.capture() as capture:
        console.print(operator_table({'one': {'aten::a': .003, 'b': .001, **dict.fromkeys('cdefghi', .002), 'j': .001},
                                      'two': {'b': .004, 'j': .001}}, 'title'))
    rows = [line.split() for line in capture.get().splitlines() if line.startswith('| ')][1:]
    assert [row[1::2] for row in rows[:2]] == [['b', '1.0', '4.0'], ['a', '3.0', '0.0']]
    assert [row[1::2] for row in rows[8:]] == [['others', '3.0', '1.0'], ['all', '19.0', '5.0']]


def test_the_tool_profiles_the_fused_networks(run, capsys):
    assert run('benchmark', 'dla46_c', '--baseline', 'dla46x_c', '--size', 64, 64, '--batch', 1, '--rounds', 1,
               '--fuse', '--profile') == 0
    output = capsys.readouterr().out
    assert '64x64, inference: ms by operator' in output and '| dla46x_c, fused | dla46_c, fused |' in output


def test_the_tool_compares_detectors(run, tmp_path, capsys):
    assert run('benchmark', 'mmdet::retinanet/retinanet_r18_fpn_1x_coco.py', '--size', 64, 64, '--batch', 1,
               '--rounds', 1, '--chart', tmp_path / 'costs.png') == 0
    assert '| retinanet_r18_fpn_1x_coco ' in capsys.readouterr().out
    assert (tmp_path / 'costs.png').stat().st_size > 0


@pytest.mark.parametrize('content, said', [
    ('work_dir = "here"', 'has no model'),
    ('model = dict(type="MRLAResNett")', "there is no model 'MRLAResNett'"),
    ('model = dict(type="MRLAResNet", depth=50, variant="lite")', "variant='lite' is not available"),
    ('model = dict(type="DLANet", arch="34", depth=34)', 'depth'),
    ('model = dict(type="DLANet", arch="34")', 'a config of DLANet, which is no detector'),
    ('custom_imports = dict(imports=["not_there"])', 'is no valid config: ImportError'),
])
def test_the_tool_refuses_a_config(run, tmp_path, capsys, content, said):
    config = tmp_path / 'detector.py'
    config.write_text(content)
    assert said in refused(run, capsys, 'benchmark', config)


def test_an_untrained_detector_is_the_same_each_time(run, tmp_path):
    flops = []
    for name in ('one.json', 'two.json'):
        assert run('benchmark', CONFIGS / 'mask_rcnn_mrla_r50_digits.py', '--size', 64, 64, '--batch', 1, '--rounds', 1,
                   '--literal', '--json', tmp_path / name) == 0
        (fast, literal), = json.loads((tmp_path / name).read_text())['comparisons'].values()
        flops += [fast['flops'], literal['flops']]
    assert len(set(flops)) == 1


def test_heads_of_untrained_detectors_have_the_same_to_do():
    model = build_detector(str(CONFIGS / 'mask_rcnn_mrla_r50_digits.py'))
    regions = []
    model.roi_head.mask_head.register_forward_pre_hook(lambda module, inputs: regions.append(len(inputs[0])))
    workload = Workload(model.train(), Setting(torch.device('cpu'), (64, 64), batch=2))
    for bias in (-5., 0., 5.):  # what the RPN takes for objects
        torch.nn.init.constant_(model.rpn_head.rpn_cls.bias, bias)
        torch.nn.init.normal_(model.rpn_head.rpn_reg.weight, std=.1)
        workload.training_step()
    assert regions == [16, 16, 16]  # eight objects an image


@pytest.mark.parametrize('arguments, said', [
    (['resnet49'], 'no backbone is called resnet49'),
    (['dla34', '--depths', '101'], 'dla34 does not come in depths'),
    (['dla34', '--size', '32', '64'], 'images of 32 pixels'),
    (['dla34', '--rounds', '0'], '--rounds 0'),
    (['dla34', '--without', 'norms'], '--without norms: no fast form has this name'),
    (['dla34', '--launches', '--fuse'], 'not with --fuse'),
    (['dla34', 'detector.py'], 'backbones and whole detectors'),
    (['detector.py', '--channels-last'], '--channels-last is for backbones'),
    (['missing.py'], 'config file not found'),
    (['mmdet::missing.py'], 'mmdet::missing.py'),
    (['nowhere::missing.py'], 'nowhere::missing.py'),
    (['dla34', '--json', 'nowhere/costs.json'], 'there is no folder nowhere'),
    (['dla34', '--chart', 'costs.doc'], '--chart costs.doc'),
    (['dla34', '--device', 'nowhere'], '--device nowhere'),
    (['dla34', '--device', 'meta'], '--device meta'),
    (['dla34', '--largest-batch'], '--largest-batch is for GPUs'),
    (['dla34', '--json', '.'], '--json .: . is a folder'),
    (['rla_r50', 'rla_r101', '--depths', '50'], 'two networks would be called rla_r50'),
    (['rla_r50', '--depths', '50', '101', '--sizes', '64', '96', '--chart', 'costs.png'], '--chart shows'),
], ids=lambda value: value if isinstance(value, str) else None)
def test_the_tool_refuses(run, capsys, arguments, said):
    assert said in refused(run, capsys, 'benchmark', *arguments)


def test_the_tool_leaves_each_form_out(run, tmp_path):
    assert run('benchmark', 'dla46_c', '--baseline', 'dla46_c', '--size', 64, 64, '--batch', 1, '--rounds', 1,
               '--without', 'all', '--json', tmp_path / 'costs.json') == 0
    rows, = json.loads((tmp_path / 'costs.json').read_text())['comparisons'].values()
    kept = {row['name'].removeprefix('dla46_c without '): row['activations'] for row in rows}
    assert list(kept) == ['dla46_c', *FORMS]
    assert kept['frozen_norm'] > kept['dla46_c'] == kept['history_sum']


def test_launches_of_resnet_50_are_its_layers(run, capsys):
    """Forward, 53 convolutions and norms, 49 ReLUs, 16 sums and the pooling."""
    assert run('benchmark', 'fast_r50', '--baseline', 'resnet50', '--size', 64, 64, '--launches') == 0
    rows = [line.strip('| ').split(' | ') for line in capsys.readouterr().out.splitlines() if line.startswith('| ')][1:]
    assert [[cell.split()[0] for cell in row] for row in rows] == [[name, '172', '175', '172']
                                                                   for name in ('resnet50', 'fast_r50')]
