"""An unfit mm stack is named once, at import, with what was found and how to mend it."""
import sys
from types import SimpleNamespace

import pytest
from conftest import REPOSITORY
from packaging.requirements import Requirement
from packaging.version import Version

from layeragg_mm import stack


def test_the_installed_stack_fits():
    stack.check_stack()


@pytest.mark.parametrize('name', ['torch', 'mmengine', 'mmcv', 'mmdet'])
def test_names_a_version_that_does_not_fit(monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, SimpleNamespace(__version__='0.1.2'))
    with pytest.raises(ImportError, match=rf'needs {name} >=.*, found {name} 0\.1\.2\.\n.*pip install'):
        stack.check_stack()


@pytest.mark.parametrize('name', ['mmengine', 'mmcv', 'mmdet'])
def test_names_a_missing_library(monkeypatch, name):
    def import_module(wanted):
        if wanted == name:
            raise ModuleNotFoundError(f'No module named {name!r}', name=name)
        return sys.modules[wanted]

    monkeypatch.setattr(stack, 'import_module', import_module)
    with pytest.raises(ImportError, match=rf'needs {name} >=.*, found none\.\n.*pip install'):
        stack.check_stack()


def test_names_mmcv_without_ops(monkeypatch):
    def import_module(wanted):
        if wanted == 'mmcv.ops':
            raise ImportError('undefined symbol')
        return sys.modules[wanted]

    monkeypatch.setattr(stack, 'import_module', import_module)
    with pytest.raises(ImportError, match=r'compiled ops.*undefined symbol\n.*pip install'):
        stack.check_stack()


def test_the_lowest_versions_that_are_tested_are_the_lowest_that_are_allowed():
    def read(name):
        return [Requirement(line) for line in (REPOSITORY / 'requirements' / name).read_text().splitlines()
                if line and not line.startswith('#')]

    allowed = {each.name: spec.version for each in read('runtime.txt') for spec in each.specifier
               if spec.operator == '>='}
    tested = {each.name: Version(spec.version) for each in read('lowest.txt') for spec in each.specifier}
    assert allowed.pop('torch') == stack.SUPPORTED['torch'][0]  # has no such build
    assert tested == {name: Version(version) for name, version in allowed.items()}
