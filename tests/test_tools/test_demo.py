"""tools/demo.py, which trains, scores and draws in one go."""
import json
import shutil

import pytest

pytestmark = pytest.mark.slow


@pytest.mark.parametrize('iters', [1, 2])
def test_a_short_demo_writes_what_it_says(run, digits, tmp_path, capsys, iters):
    shutil.copytree(digits, tmp_path / 'data')
    assert run('demo', '--work-dir', tmp_path, '--iters', iters) == 0
    printed = capsys.readouterr().out
    for name in ('predictions.png', 'curves.png', 'summary.json', f'iter_{iters}.pth'):
        assert (tmp_path / name).stat().st_size and name in printed
    summary = json.loads((tmp_path / 'summary.json').read_text())
    assert summary['iterations'] == iters and 0 <= summary['metrics']['segm_mAP'] <= 1
