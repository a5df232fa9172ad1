"""What several tests share: a small data set, the tools as functions."""
import gc
import importlib.util
import json
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest
import street_scenes
import torch
from mmdet.datasets import CocoDataset
from mmdet.models import MobileNetV2, ResNet
from mmdet.visualization import DetLocalVisualizer
from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope
from mmengine.visualization import Visualizer
from mmseg.visualization import SegLocalVisualizer

import layeragg_mm.engine  # noqa: F401  (registers)
from layeragg_mm.analysis import benchmark
from layeragg_mm.datasets import make_digit_scenes

torch.backends.cudnn.allow_tf32 = False  # three digits would be enough for most tests to fail
REPOSITORY = Path(__file__).parents[1]
CONFIGS = REPOSITORY / 'configs'
sys.path.append(str(REPOSITORY / 'tools'))  # behind all else: a test.py lies there


def forget_earlier_runs() -> None:
    """Drop what mmengine keeps of an earlier run: its scope names registries, the others write to its folder."""
    for shared in (DefaultScope, Visualizer, DetLocalVisualizer, SegLocalVisualizer, MMLogger):
        shared._instance_dict.clear()


@pytest.fixture(autouse=True)
def each_test_on_its_own(monkeypatch) -> None:
    forget_earlier_runs()
    # For good, in a process whose other tests would then need gigabytes.
    monkeypatch.setattr(benchmark, '_keep_freed_memory', lambda: None)


@pytest.fixture(scope='module', autouse=True)
def earlier_objects_are_no_garbage() -> None:
    """Spare the search for garbage, for which mmengine asks with each data set, what tests' graphs left in torch."""
    gc.collect()
    gc.freeze()


def slow_but(quick: Sequence[str], names: Iterable[str]) -> list:
    """Return ``names`` to parametrize a test with, all marked slow but the ``quick`` ones."""
    return [pytest.param(name, marks=() if name in quick else pytest.mark.slow) for name in names]


@pytest.fixture
def shallow(monkeypatch) -> None:
    """Give MMDetection's ResNet and MobileNetV2, and what extends them, stages of two blocks, whatever their depth."""
    for depth, (block, _) in ResNet.arch_settings.items():
        monkeypatch.setitem(ResNet.arch_settings, depth, (block, (2, 2, 2, 2)))
    monkeypatch.setattr(MobileNetV2, 'arch_settings', [
        [ratio, channels, min(blocks, 2), stride] for ratio, channels, blocks, stride in MobileNetV2.arch_settings])


@pytest.fixture(scope='session')
def digits(tmp_path_factory) -> Path:
    """A small DigitScenes data set; tests must not change it."""
    folder = tmp_path_factory.mktemp('data') / 'digits'
    make_digit_scenes(folder, train=8, val=4, size=64)
    return folder


@pytest.fixture(scope='session')
def coco(digits, tmp_path_factory) -> Path:
    """The same scenes under COCO's file names and with its 80 classes; tests must not change it."""
    folder = tmp_path_factory.mktemp('data') / 'coco'
    (folder / 'annotations').mkdir(parents=True)
    for split in ('train', 'val'):
        content = json.loads((digits / f'annotations/instances_{split}.json').read_bytes())
        content['categories'] = [dict(id=i, name=name) for i, name in enumerate(CocoDataset.METAINFO['classes'], 1)]
        (folder / f'annotations/instances_{split}2017.json').write_text(json.dumps(content))
        shutil.copytree(digits / split, folder / f'{split}2017')
    return folder


@pytest.fixture(scope='session')
def semantic_digits(tmp_path_factory) -> Path:
    """A small DigitScenes data set with label maps; tests must not change it, nor the four that follow."""
    folder = tmp_path_factory.mktemp('data') / 'digits'
    make_digit_scenes(folder, train=8, val=2, size=64, semantic=True)
    return folder


def made(tmp_path_factory, make: Callable[[Path], None]) -> Path:
    folder = tmp_path_factory.mktemp('made')
    make(folder)
    return folder


@pytest.fixture(scope='session')
def camvid(tmp_path_factory) -> Path:
    return made(tmp_path_factory, street_scenes.make_camvid)


@pytest.fixture(scope='session')
def cityscapes(tmp_path_factory) -> Path:
    return made(tmp_path_factory, street_scenes.make_cityscapes)


@pytest.fixture(scope='session')
def bsds(tmp_path_factory) -> Path:
    return made(tmp_path_factory, street_scenes.make_bsds)


@pytest.fixture(scope='session')
def ade20k(tmp_path_factory) -> Path:
    return made(tmp_path_factory, street_scenes.make_ade20k)


@pytest.fixture
def run(monkeypatch):
    """Run a tool in this process: ``run('train', *arguments)`` returns its exit code (0 if it ends well)."""

    from command_line import run_tool  # of the tools

    def call(name: str, *arguments) -> int:
        spec = importlib.util.spec_from_file_location(f'tool_{name}', REPOSITORY / 'tools' / f'{name}.py')
        tool = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(tool)
        monkeypatch.setattr(sys, 'argv', [name, *map(str, arguments)])
        forget_earlier_runs()
        try:
            run_tool(tool.main)
        except SystemExit as stop:
            return stop.code
        return 0

    return call


def refused(run, capsys, *arguments) -> str:
    """Run a tool that must refuse its input: exit code 2 and two lines. Return them."""
    assert run(*arguments) == 2
    lines = capsys.readouterr().err.strip().splitlines()[-2:]
    assert lines[0].startswith('error: ')
    return '\n'.join(lines)
