"""The config of one run, beside the one that is written down."""
import argparse
import copy
from pathlib import Path

from mmengine import registry
from mmengine.config import Config
from mmengine.registry import Registry

from ..configs import walk
from .segmentation import is_segmentation

__all__ = ['RunConfig', 'config_of_run']


class RunConfig(Config):
    """A config that is changed for one run, and writes down the user's.

    mmengine writes the config of a run to its work dir and into its checkpoints, where inferencers, MMDetection's tools
    and later runs open it. What this run alone needs (loops that resume, how images are loaded, the work dir) is set
    here; what is written, ``written``, is what the user wrote, with bases, options and flags resolved.

    Args:
        cfg: the user's. If it names something of this package, what is written imports that.
        name: of the file that is written, without suffix.
        settings: of this run only.
    """

    def __init__(self, cfg: Config, name: str, **settings) -> None:
        written = copy.deepcopy(cfg)
        import_what_is_ours(written)
        # Past Config's own way of setting attributes, which sets the config's keys.
        vars(self).update(vars(copy.deepcopy(cfg)), written=written,
                          _filename=f'{name}{Path(cfg.filename or "").suffix or ".py"}')
        self._cfg_dict.update(settings)

    @property
    def pretty_text(self) -> str:
        return self.written.pretty_text

    def dump(self, file: str | Path | None = None) -> str | None:
        return self.written.dump(file)


def config_of_run(cfg: Config, args: argparse.Namespace) -> RunConfig:
    """Return the user's config ``cfg`` as it is run with a tool's arguments, e.g. for its own work dir."""
    name = Path(args.config).stem
    return RunConfig(cfg, name, launcher=args.launcher,
                     work_dir=args.work_dir or cfg.get('work_dir') or f'./work_dirs/{name}')


def import_what_is_ours(cfg: Config) -> None:
    """Let ``cfg`` import the parts of this package that register what it names, unless it does."""
    ours = {name: found.__module__ for root in vars(registry).values() if isinstance(root, Registry)
            for name, found in root.module_dict.items()
            if getattr(found, '__module__', '').startswith(f'{PACKAGE}.')}
    modules = {importing(ours[node['type']], cfg) for _, node in walk(cfg._cfg_dict)
               if isinstance(node.get('type'), str) and node['type'] in ours}
    custom = cfg.get('custom_imports') or dict(imports=[], allow_failed_imports=False)
    imports = [custom['imports']] if isinstance(custom['imports'], str) else list(custom['imports'])
    lacking = sorted(module for module in modules if not any(
        f'{name}.'.startswith(f'{module}.') for name in imports))
    if lacking:
        cfg.custom_imports = dict(custom, imports=[*imports, *lacking])


PACKAGE = __name__.partition('.')[0]


def importing(module: str, cfg: Config) -> str:
    """Return what a config imports to have what ``module``, of this package, registers."""
    if module.startswith(f'{PACKAGE}.engine.'):
        return f'{PACKAGE}.engine'
    return f'{PACKAGE}.segmentation' if is_segmentation(cfg) else PACKAGE
