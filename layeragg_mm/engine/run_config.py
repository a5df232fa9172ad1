"""The config of one run, beside the one that is written down."""
import copy
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import MODELS

from ..configs import walk

__all__ = ['RunConfig', 'add_import']


class RunConfig(Config):
    """A config that is changed for one run, and writes down the user's.

    mmengine writes the config of a run to its work dir and into its checkpoints, and MMDetection's inferencer, its
    and later runs open it there. So what only this run needs (loops that resume, how images are loaded, the work dir)
    is set here, and the work dir and the checkpoints get ``written``: what the user wrote, with all bases resolved.

    Args:
        cfg: the user's; if its model is ours, ``written`` imports this package.
        name: of the file that it is written to, without suffix.
        settings: of this run only.
    """

    def __init__(self, cfg: Config, name: str, **settings) -> None:
        written = copy.deepcopy(cfg)
        import_what_is_ours(written)
        # Past Config's own way of setting attributes, which sets the config's keys.
        vars(self).update(vars(cfg), written=written, _filename=f'{name}{Path(cfg.filename or "").suffix or ".py"}')
        self._cfg_dict.update(settings)

    @property
    def pretty_text(self) -> str:
        return self.written.pretty_text

    def dump(self, file: str | Path | None = None) -> str | None:
        return self.written.dump(file)


def import_what_is_ours(cfg: Config) -> None:
    """Let ``cfg`` import this package, if its model has a part of it and no one else does."""
    package = 'layeragg_mm.segmentation' if cfg.get('default_scope') == 'mmseg' else 'layeragg_mm'
    if any(getattr(MODELS.get(node['type']), '__module__', '').startswith('layeragg_mm.')
           for _, node in walk(cfg.model) if isinstance(node.get('type'), str)):
        add_import(cfg, package)


def add_import(cfg: Config, module: str) -> None:
    """Let ``cfg`` import ``module``, unless it imports that or something in it."""
    custom = cfg.get('custom_imports') or dict(imports=[], allow_failed_imports=False)
    imports = [custom['imports']] if isinstance(custom['imports'], str) else list(custom['imports'])
    if not any(f'{name}.'.startswith(f'{module}.') for name in imports):
        cfg.custom_imports = dict(custom, imports=[*imports, module])
