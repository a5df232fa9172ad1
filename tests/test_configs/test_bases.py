"""Our configs by their names, and as bases of configs that lie elsewhere."""
import pytest
from conftest import CONFIGS
from mmengine.config import Config

import layeragg_mm


def test_every_config_has_a_name():
    for file in CONFIGS.glob('*.py'):
        assert layeragg_mm.config(file.stem) == layeragg_mm.config(file.name)
        assert file.samefile(layeragg_mm.config(file.stem))


@pytest.mark.parametrize('name, said', [
    ('mask_rcn_mrla_r50', 'no config mask_rcn_mrla_r50; do you mean mask_rcnn_mrla_r50 or '),
    ('yolo', 'no config yolo; its configs: .*, centernet_dla34, '),
])
def test_a_name_that_is_none_s_is_told(name, said):
    with pytest.raises(FileNotFoundError, match=said):
        layeragg_mm.config(name)


@pytest.mark.slow
@pytest.mark.parametrize('base', [
    "'layeragg_mm::{}.py'", "['layeragg_mm::{}.py', 'other.py']",
    "__import__('layeragg_mm').config('{}')", "['other.py', __import__('layeragg_mm').config('{}')]"])
@pytest.mark.parametrize('name', ['mask_rcnn_mrla_r50', 'dla34_ida_cityscapes'])  # of mmdet, of mmseg
def test_a_config_elsewhere_builds_on_ours(tmp_path, base, name):
    (tmp_path / 'other.py').write_text('other = 1\n')
    (tmp_path / 'mine.py').write_text(f'_base_ = {base.format(name)}\nmine = 1\n')
    ours, cfg = Config.fromfile(CONFIGS / f'{name}.py'), Config.fromfile(tmp_path / 'mine.py')
    assert cfg.pop('mine') == 1 and cfg.pop('other', 1) == 1
    assert cfg.to_dict() == ours.to_dict()
