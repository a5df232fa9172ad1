"""A loss that is not finite stops every process, and is told once."""
from pathlib import Path

import pytest
from toy import run_processes, toy_config, train

from layeragg_mm.engine import InvalidLossError

pytestmark = pytest.mark.xdist_group('processes')


def train_poisoned(work_dir: Path) -> None:
    cfg = toy_config(work_dir, False, dict(type='PoisonHook', iteration=4), interval=2)
    cfg.launcher = 'pytorch'
    try:
        code = train(cfg)
    except InvalidLossError as error:
        (work_dir / 'told.txt').write_text(error.what)
        code = 1
    raise SystemExit(code)


@pytest.mark.slow
def test_all_processes_stop_at_one_that_has_nan(tmp_path):
    assert run_processes(2, train_poisoned, tmp_path) == [1, 1]
    told = (tmp_path / 'told.txt').read_text()
    assert 'not finite at iteration 4' in told and "'loss': nan" in told
    images = told.split('images: ')[1].split(';')[0].split(', ')
    assert len(images) == 2 and all(image.endswith('.png') for image in images)  # one process's batch
    assert 'last good checkpoint' in told and told.endswith('iter_2.pth')
