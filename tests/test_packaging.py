"""A wheel, installed in a second environment, works from a user's own project."""
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from zipfile import ZipFile

import mmdet
import pytest
from conftest import REPOSITORY

from layeragg_mm.stack import SUPPORTED

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group('packaging')]  # share the wheel

MODEL = """
model = dict(backbone=dict(init_cfg=None),
             roi_head=dict(bbox_head=dict(num_classes=3), mask_head=dict(num_classes=3)))
"""
# In Python code of the user's own.
CODE = """
import pathlib
import layeragg_mm
from mmdet.apis import init_detector
assert 'second' in layeragg_mm.__file__, layeragg_mm.__file__
model = init_detector('mine.py', palette='random', device='cpu')
assert type(model.backbone).__name__ == 'MRLAResNet' and model.roi_head.bbox_head.num_classes == 3
mim = pathlib.Path(layeragg_mm.__file__).parent / '.mim'
assert (mim / 'tools/train.py').is_file() and (mim / 'model-index.yml').is_file()
print('ok')
"""


@pytest.fixture(scope='module')
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp('wheel')
    source = folder / 'source'
    shutil.copytree(REPOSITORY, source, symlinks=True, ignore=shutil.ignore_patterns(
        '.git', '.venv*', 'work_dirs', 'data', 'build', '*.egg-info', '__pycache__', '.mim'))
    subprocess.run([sys.executable, '-m', 'pip', 'wheel', '--quiet', '--no-deps', '--no-build-isolation', '--no-index',
                    '--wheel-dir', folder, source], check=True)
    return next(folder.glob('*.whl'))


@pytest.fixture(scope='module')
def python(wheel, tmp_path_factory):
    """The interpreter of an environment into which the wheel is installed beside the mm stack of this one."""
    second = tmp_path_factory.mktemp('environment') / 'second'
    venv.create(second, symlinks=True)
    packages = Path(sysconfig.get_path('purelib', vars=dict(base=second, platbase=second)))
    (packages / 'stack.pth').write_text(sysconfig.get_path('purelib'))  # the mm stack of this environment, read-only
    python = second / 'bin/python'
    subprocess.run([sys.executable, '-m', 'pip', '--python', python, 'install', '--quiet', '--no-deps', '--no-index',
                    '--ignore-installed', wheel], check=True)
    return python


def run(python: Path, *arguments, cwd: Path) -> str:
    environment = {key: value for key, value in os.environ.items() if key != 'PYTHONPATH'}
    result = subprocess.run([python, *arguments], cwd=cwd, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_code_that_imports_the_package_reads_its_configs(python, tmp_path):
    (tmp_path / 'mine.py').write_text(f"_base_ = 'layeragg_mm::mask_rcnn_mrla_r50.py'\n{MODEL}")
    assert run(python, '-c', CODE, cwd=tmp_path).endswith('ok')


def test_mmdet_s_own_tool_reads_them_too(python, tmp_path):
    tool = Path(mmdet.__file__).parent / '.mim/tools/misc/print_config.py'
    (tmp_path / 'other.py').write_text('mine = 7\n')
    (tmp_path / 'mine.py').write_text(
        f"_base_ = ['other.py', __import__('layeragg_mm').config('mask_rcnn_mrla_r50')]\n{MODEL}")
    read = run(python, tool, 'mine.py', cwd=tmp_path)
    assert "type='MRLAResNet'" in read and 'mine = 7' in read and 'num_classes=3' in read
    assert "default_scope = 'mmdet'" in read


def test_nothing_runs_when_python_starts(wheel):
    assert not [name for name in ZipFile(wheel).namelist() if name.endswith('.pth')]


def test_the_package_alone_asks_for_no_mm_library(wheel):
    archive = ZipFile(wheel)
    metadata = archive.read(next(name for name in archive.namelist() if name.endswith('METADATA'))).decode()
    required = [line for line in metadata.splitlines() if line.startswith('Requires-Dist:')]
    without_extra = [line for line in required if 'extra ==' not in line]
    assert without_extra and not any('mm' in line for line in without_extra)
    lowest, first_unfit = SUPPORTED['torch']
    assert sum(line.replace(' ', '') == f'Requires-Dist:torch<{first_unfit},>={lowest}' for line in without_extra) == 1
    assert any('onedl-mmcv==' in line and 'extra == "onedl"' in line for line in required)


def test_the_command_runs_the_wheel_s_tools(python, tmp_path):
    command = python.parent / 'layeragg'
    listed = subprocess.run([command, '--help'], cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert '\n  train ' in listed and '\n  predict ' in listed
    code = 'import sys, layeragg; print(layeragg.find_tools()["train"])'
    assert 'second' in run(python, '-c', code, cwd=tmp_path)
    shown = subprocess.run([command, 'list_backbones', '--names', 'dla34'], cwd=tmp_path, check=True,
                           capture_output=True, text=True).stdout
    assert '| dla34 | 15.23 |' in shown and 'OneDL' not in shown
    wrong = subprocess.run([command, 'trian'], cwd=tmp_path, capture_output=True, text=True)
    assert wrong.returncode == 2 and "did you mean 'train'?" in wrong.stderr
