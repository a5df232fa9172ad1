"""Importing the package brings networks and nothing else; its parts import each other one way."""
import ast
import json
import subprocess
import sys
from graphlib import TopologicalSorter

import pytest
from conftest import REPOSITORY

PACKAGE = REPOSITORY / 'layeragg_mm'
MM = ['mmengine', 'mmcv', 'mmdet', 'mmseg']

# What is installed is not found, as if it were not.
WITHOUT = '''
import sys
class Without:
    def __init__(self, finder):
        self.finder = finder
    def __getattr__(self, name):
        return getattr(self.finder, name)
    def find_spec(self, name, path=None, target=None):
        return None if name.partition('.')[0] in {} else self.finder.find_spec(name, path, target)
sys.meta_path[:] = map(Without, sys.meta_path)
'''

STATE = '''
import json, os, sys
import mmcv.ops, mmdet.models, mmengine.registry, torch
from mmengine.registry import Registry
from mmengine.runner import CheckpointLoader

def state():
    flags = torch.backends
    return dict(
        registries={name: sorted(registry.module_dict) for name, registry in vars(mmengine.registry).items()
                    if isinstance(registry, Registry)},
        safe=sorted(map(str, torch.serialization.get_safe_globals())),
        loaders=sorted(map(str, CheckpointLoader._schemes)),
        torch=str([torch.get_default_dtype(), torch.get_num_threads(), flags.cudnn.benchmark, flags.cudnn.allow_tf32,
                   flags.mkldnn.enabled, torch.is_grad_enabled()]),
        environment=dict(os.environ), finders=len(sys.meta_path))

before, modules = state(), set(sys.modules)
import layeragg_mm
print(json.dumps([before, state(), sorted(set(sys.modules) - modules)]))
'''


def run(code: str) -> str:
    result = subprocess.run([sys.executable, '-c', code], cwd=REPOSITORY, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout.rstrip().rpartition('\n')[-1]


def test_registers_networks_and_changes_nothing_else():
    before, after, modules = json.loads(run(STATE))
    changed = {name for name in after['registries'] if after['registries'][name] != before['registries'][name]}
    assert changed == {'MODELS'}
    assert {'RLAResNet', 'MRLAResNet', 'DLANet', 'IDAUp', 'CenterNetDLA'} <= set(after['registries']['MODELS'])
    for part in before.keys() - {'registries'}:
        assert after[part] == before[part], part
    packages = {name.partition('.')[0] for name in modules}
    assert not packages & {'matplotlib', 'mmseg', 'pycocotools', 'rich', 'scipy', 'sklearn', 'triton'}, packages
    ours = {name.split('.')[1] for name in modules if name.startswith('layeragg_mm.')}
    assert not ours & {'analysis', 'datasets', 'engine', 'evaluation', 'study', 'visualization'}, ours


@pytest.mark.slow
def test_the_engine_registers_what_trainings_use():
    run('import layeragg_mm.engine\n'
        'from mmengine.registry import HOOKS, LOOPS, OPTIM_WRAPPERS, STRATEGIES, TRANSFORMS\n'
        'for registry, name in ((HOOKS, "ResumableCheckpointHook"), (LOOPS, "ResumableIterLoop"),\n'
        '                       (OPTIM_WRAPPERS, "BFloat16OptimWrapper"), (TRANSFORMS, "LoadReadableImage"),\n'
        '                       (STRATEGIES, "ResumableFSDPStrategy")):\n'
        '    assert name in registry.module_dict, name\n')


def test_layers_need_torch_alone():
    others = [*MM, 'matplotlib', 'numpy', 'packaging', 'pycocotools', 'rich', 'scipy', 'sklearn', 'triton']
    assert run(WITHOUT.format(others) +
               'import layeragg_mm.layers, torch\n'
               'attend = layeragg_mm.layers.LightLayerAttention(64)\n'
               'print(tuple(attend(torch.ones(1, 64, 5, 7), torch.ones(1, 64, 5, 7)).shape))') == '(1, 64, 5, 7)'


def test_without_mm_libraries_the_check_says_what_to_install():
    assert run(WITHOUT.format(MM) +
               'from layeragg_mm.stack import check_stack\n'
               'try:\n    check_stack()\n'
               'except ImportError as error:\n    print(str(error).replace("\\n", " "))').startswith(
        'layeragg_mm needs mmengine >=0.10, <1, found none. Install a stack that fits')


def imports_between_parts() -> dict[str, set[str]]:
    """Return for each part (folder or file) of the package the parts that it imports."""
    graph = {}
    for file in PACKAGE.rglob('*.py'):
        place = file.relative_to(PACKAGE).with_suffix('').parts
        if place[0] in ('.mim', '__init__'):
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level == len(place):
                names = [node.module.partition('.')[0]] if node.module else [alias.name for alias in node.names]
                graph.setdefault(place[0], set()).update(names)
    return graph


def test_parts_import_one_way():
    graph = imports_between_parts()
    assert graph['engine'] >= {'checkpoints', 'datasets'}, 'the imports were not found'
    list(TopologicalSorter(graph).static_order())  # raises where there is a cycle
    assert graph.get('layers', set()) <= {'choices', 'errors'} and graph['choices'] == {'words'}
    assert 'engine' not in graph['datasets'] | graph['evaluation'] | graph['visualization']
