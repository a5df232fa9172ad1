"""What FSDP is not asked for; that it trains and resumes, test_tools/test_survival.py shows."""
import pytest
from mmengine.config import Config

from layeragg_mm.engine.fsdp import check_fsdp
from layeragg_mm.errors import InputError


@pytest.mark.parametrize('wrong, said', [
    (dict(launcher='none'), 'there is one'),
    (dict(sync_bn='torch'), 'sync_bn=torch has no effect'),
    (dict(custom_hooks=[dict(type='mmengine.EMAHook')]), 'EMAHook would average'),
])
def test_what_would_be_ignored_or_wrong_is_an_error(wrong, said):
    cfg = Config(dict(launcher='pytorch', strategy=dict(type='ResumableFSDPStrategy'), custom_hooks=[]))
    check_fsdp(cfg)
    cfg.merge_from_dict(wrong)
    with pytest.raises(InputError, match=said):
        check_fsdp(cfg)
    cfg.pop('strategy')
    check_fsdp(cfg)
