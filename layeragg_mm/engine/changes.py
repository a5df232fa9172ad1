"""What flags set in a config, beside ``--cfg-options``."""
import argparse
import os
from textwrap import shorten

from .options import read_options

__all__ = ['Changes']

LONGEST = 160  # characters of a value that is told


class Changes(dict):
    """What was set, by path in the config; what ``--cfg-options`` set themselves stays as it is.

    Args:
        args: of the tool.
    """

    def __init__(self, args: argparse.Namespace) -> None:
        super().__init__()
        self.kept = set(read_options(args.cfg_options or ()))

    def set(self, path: str, node: dict, **values) -> None:
        """Set ``values`` in ``node``, which stands at ``path`` of the config."""
        for key, value in values.items():
            if f'{path}.{key}' not in self.kept:
                node[key] = self[f'{path}.{key}'] = value

    def tell(self, why: str) -> None:
        """Print what was set, and ``why``; of several processes, the first does."""
        if self and os.environ.get('RANK', '0') == '0':
            print(f'{why}; set for it:', *(f'  {path}={shorten(repr(value), LONGEST)}' for path, value in self.items()),
                  sep='\n')
