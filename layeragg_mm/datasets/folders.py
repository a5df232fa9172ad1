"""What lies in a folder, where a data set does not find there what it looks for."""
import os
from collections import Counter
from pathlib import Path

__all__ = ['alike', 'other_spellings', 'what_lies_in']

FEW = 5  # suffixes that are listed


def suffixes(folder: str | Path) -> Counter:
    """Return how many files end in which suffix in ``folder``, at any depth."""
    return Counter(Path(name).suffix for _, _, names in os.walk(folder) for name in names)


def what_lies_in(folder: str | Path) -> str:
    """Return what is in ``folder``, in a few words."""
    found = suffixes(folder)
    listed = ', '.join(f'{count} that end in {suffix or "nothing"}' for suffix, count in found.most_common(FEW))
    return f'it has {listed}' if found else 'it is empty'


def other_spellings(folder: str | Path, suffix: str) -> Counter:
    """Return the files in ``folder`` whose end is ``suffix`` but for upper and lower case."""
    found = Counter()
    for _, _, names in os.walk(folder):
        for name in names:
            end = name[-len(suffix):]
            if end != suffix and end.lower() == suffix.lower():
                found[end] += 1
    return found


def alike(path: str | Path) -> str:
    """Return a hint at the file that is called as ``path`` but for case or suffix; nothing if there is none."""
    path = Path(path)
    if not path.parent.is_dir():
        return f'; there is no folder {path.parent}'
    for name in sorted(os.listdir(path.parent)):
        if name.lower() == path.name.lower() or Path(name).stem == path.stem:
            return f'; there is {name}'
    return f'; {path.parent} is empty' if not any(path.parent.iterdir()) else ''
