"""Which torch and mm libraries this package works with, checked once at import: mmseg by what needs it."""
from importlib import import_module

import torch
from packaging.version import Version

__all__ = ['StackError', 'check_package', 'check_stack']

# package: (lowest version that works, first version that does not)
SUPPORTED = {
    'torch': ('2.7', '3'),
    'mmengine': ('0.10', '1'),
    'mmcv': ('2.0.1', '3'),
    'mmdet': ('3.3', '4'),
    'mmseg': ('1.2', '2')
}
NEEDED_BY_ALL = ('torch', 'mmengine', 'mmcv', 'mmdet')
REMEDY = ('Install a stack that fits, with torch in place: pip install "setuptools<81" wheel ninja numpy, then '
          'pip install --no-build-isolation "layeragg-mm[onedl]"')


class StackError(ImportError):
    """A library is missing, or installed in a version that does not work.

    Args:
        what: what is needed, and what was found.
    """

    exit_code = 2  # of a tool that ends with it

    def __init__(self, what: str) -> None:
        super().__init__(f'{what}\n{REMEDY}')
        self.what = what
        self.remedy = REMEDY


def check_stack() -> None:
    """Raise one :class:`StackError` that says what was found and how to mend it, unless the installed libraries fit."""
    for name in NEEDED_BY_ALL:
        check_package(name)
    try:
        import_module('mmcv.ops')
    except ImportError as error:  # mmcv-lite, or ops compiled against another torch
        raise StackError(f'layeragg_mm needs mmcv with its compiled ops, found one without, or one compiled for '
                         f'another torch than {torch.__version__}: {error}') from error


def check_package(name: str) -> None:
    """Raise such an error unless the library ``name`` is installed in a version that works."""
    lowest, first_unfit = SUPPORTED[name]
    needed = f'layeragg_mm needs {name} >={lowest}, <{first_unfit}'
    try:
        found = import_module(name).__version__
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise StackError(f'{needed}, found none.') from error
    except AssertionError as error:  # how mmdet refuses the installed mmcv or mmengine
        raise StackError(f'{needed}, found one that refuses its companions: {error}') from error
    if not Version(lowest) <= Version(found) < Version(first_unfit):
        raise StackError(f'{needed}, found {name} {found}.')
