"""docs/bad_inputs.md tells the truth: each of its rows is tried."""
import re
import shutil

import pytest
from conftest import CONFIGS, REPOSITORY, refused
from damage import DAMAGES

from layeragg_mm.engine.config import read_config

TABLE = (REPOSITORY / 'docs/bad_inputs.md').read_text()
ROWS = dict(re.findall(r'^\| (.+?) \| ((?:refused|taken).*?) \|$', TABLE, re.M))


@pytest.fixture(scope='module')
def config(tmp_path_factory):
    """The demo's config with all of its bases in one file, which is read in no time."""
    path = tmp_path_factory.mktemp('config') / 'digits.py'
    read_config(str(CONFIGS / 'mask_rcnn_mrla_r50_digits.py')).dump(path)
    return path


def test_the_table_lists_all_that_is_tried():
    assert list(ROWS) == list(DAMAGES)


@pytest.mark.parametrize('name', DAMAGES)
def test_what_happens(run, digits, config, tmp_path, capsys, name):
    shutil.copytree(digits, tmp_path / 'data')
    DAMAGES[name](tmp_path / 'data')
    arguments = ['check_dataset', config, '--data-root', tmp_path / 'data']
    if ROWS[name].startswith('refused'):
        told = refused(run, capsys, *arguments)
    else:
        assert run(*arguments) == 0
        told = capsys.readouterr().out
    assert all(words in told for words in re.findall('`(.+?)`', ROWS[name]))


@pytest.mark.parametrize('name', ['an annotation id twice', 'RLE of another size than the image', 'a JPEG cut short'])
def test_training_refuses_the_same(run, digits, config, tmp_path, capsys, name):
    shutil.copytree(digits, tmp_path / 'data')
    DAMAGES[name](tmp_path / 'data')
    arguments = config, '--data-root', tmp_path / 'data'
    said = refused(run, capsys, 'check_dataset', *arguments)
    assert refused(run, capsys, 'train', *arguments, '--work-dir', tmp_path / 'run') == said
    assert not (tmp_path / 'run').exists()
