"""What tools/update_tables.py does."""
import argparse
from pathlib import Path

from ..published_tables import outdated_documents

__all__ = ['run']


def run(args: argparse.Namespace) -> None:
    for file, text in outdated_documents(Path(__file__).parents[2]).items():
        file.write_text(text)
        print(f'wrote {file}')
