"""A wheel, installed in a second environment, works from a user's own project."""
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
from conftest import REPOSITORY

pytestmark = pytest.mark.xdist_group('packaging')  # share the wheel

CHECK = """
import pathlib, sys
from mmengine.config import Config
assert 'torch' not in sys.modules or 'layeragg_mm' not in sys.modules
cfg = Config.fromfile('mine.py')
import layeragg_mm
from mmdet.registry import MODELS
assert 'second' in layeragg_mm.__file__, layeragg_mm.__file__
model = MODELS.build(cfg.model)
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


def test_base_config_of_an_installed_wheel(wheel, tmp_path):
    second = tmp_path / 'second'
    venv.create(second, symlinks=True)
    packages = Path(sysconfig.get_path('purelib', vars=dict(base=second, platbase=second)))
    (packages / 'stack.pth').write_text(sysconfig.get_path('purelib'))  # the mm stack of this environment, read-only
    python = second / 'bin/python'
    subprocess.run([sys.executable, '-m', 'pip', '--python', python, 'install', '--quiet', '--no-deps', '--no-index',
                    '--ignore-installed', wheel], check=True)
    (tmp_path / 'mine.py').write_text(
        "_base_ = 'layeragg_mm::mask_rcnn_mrla_r50.py'\n"
        'model = dict(backbone=dict(init_cfg=None),\n'
        '             roi_head=dict(bbox_head=dict(num_classes=3), mask_head=dict(num_classes=3)))\n')
    environment = {key: value for key, value in os.environ.items() if key != 'PYTHONPATH'}
    result = subprocess.run([python, '-c', CHECK], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert result.returncode == 0 and result.stdout.strip().endswith('ok'), result.stderr


def test_the_package_alone_asks_for_no_mm_library(wheel):
    from zipfile import ZipFile
    archive = ZipFile(wheel)
    metadata = archive.read(next(name for name in archive.namelist() if name.endswith('METADATA'))).decode()
    required = [line for line in metadata.splitlines() if line.startswith('Requires-Dist:')]
    without_extra = [line for line in required if 'extra ==' not in line]
    assert without_extra and not any('mm' in line or 'torch' in line for line in without_extra)
    assert any('onedl-mmcv==' in line and 'extra == "onedl"' in line for line in required)
