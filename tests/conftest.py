"""What several tests share: a small data set, the tools as functions."""
import importlib.util
import sys
from pathlib import Path

import pytest

import layeragg_mm  # noqa: F401  (registers)
from layeragg_mm.datasets import make_digit_scenes
from layeragg_mm.errors import run_tool

REPOSITORY = Path(__file__).parents[1]
CONFIGS = REPOSITORY / 'configs'


@pytest.fixture(scope='session')
def digits(tmp_path_factory) -> Path:
    """A small DigitScenes data set; tests must not change it."""
    folder = tmp_path_factory.mktemp('data') / 'digits'
    make_digit_scenes(folder, train=8, val=4, size=64)
    return folder


@pytest.fixture
def run(monkeypatch):
    """Run a tool in this process: ``run('train', *arguments)`` returns its exit code (0 if it ends well)."""

    def call(name: str, *arguments) -> int:
        spec = importlib.util.spec_from_file_location(f'tool_{name}', REPOSITORY / 'tools' / f'{name}.py')
        tool = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(tool)
        monkeypatch.setattr(sys, 'argv', [name, *map(str, arguments)])
        try:
            run_tool(tool.main)
        except SystemExit as stop:
            return stop.code
        return 0

    return call
