"""Makes ``_base_ = 'layeragg_mm::CONFIG.py'`` work in any config, also where nothing has imported layeragg_mm yet.

mmengine resolves ``package::config`` only for the packages in a list of its own, and while it reads ``_base_`` no
``custom_imports`` has run. So Python's start-up (``layeragg_mm_scope.pth`` in a wheel) and ``import layeragg_mm`` call
:func:`install`. It imports nothing: it waits for mmengine's config module and teaches its ``Config`` one more scope.
Standard library only, and outside the package, whose import would load torch in every Python process.
"""
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder
from pathlib import Path

__all__ = ['install']

SCOPE = 'layeragg_mm::'
CONFIG_MODULE = 'mmengine.config.config'


def install() -> None:
    """Teach mmengine's ``Config`` the scope ``layeragg_mm::``, now or as soon as it is imported."""
    if CONFIG_MODULE in sys.modules:
        _teach(sys.modules[CONFIG_MODULE].Config)
    elif not any(isinstance(finder, _ConfigModuleFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _ConfigModuleFinder())


class _ConfigModuleFinder(MetaPathFinder):
    """Finds mmengine's config module as usual and lets its execution be followed by :func:`_teach`."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname != CONFIG_MODULE:
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(fullname, path, target)
        execute = spec.loader.exec_module

        def execute_and_teach(module):
            execute(module)
            _teach(module.Config)

        spec.loader.exec_module = execute_and_teach
        return spec


def _teach(config_class) -> None:
    resolve = config_class._get_cfg_path
    if getattr(resolve, 'knows_layeragg_mm', False):
        return

    def resolve_with_scope(cfg_path, filename):
        if not cfg_path.startswith(SCOPE):
            return resolve(cfg_path, filename)
        path = Path(__file__).parent / 'layeragg_mm' / '.mim' / 'configs' / cfg_path.removeprefix(SCOPE)
        if not path.is_file():
            raise FileNotFoundError(f'layeragg_mm has no config {cfg_path.removeprefix(SCOPE)}; '
                                    f'its configs: {", ".join(sorted(p.name for p in path.parent.glob("*.py")))}')
        return str(path), None  # no scope: our configs name theirs themselves

    # mmengine looks for mmseg under the name of its distribution, which the maintained fork's is not.
    sys.modules['mmengine.config.utils'].MODULE2PACKAGE['mmseg'] = 'mmseg'
    resolve_with_scope.knows_layeragg_mm = True
    config_class._get_cfg_path = staticmethod(resolve_with_scope)
