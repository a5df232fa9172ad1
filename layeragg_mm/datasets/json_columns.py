"""A list of objects in a JSON file, checked column by column: half a million entries take seconds."""
import reprlib
from collections.abc import Callable, Iterable

import numpy as np

from ..errors import InputError

__all__ = ['Entries', 'shown']

# Integers beyond are no longer told apart by the float64 that pycocotools keeps them in.
LARGEST_INTEGER = 2**53
shown = reprlib.repr


class Entries:
    """The list ``values``, called ``name`` in the file ``file``; every value of a column that is asked for is checked.

    Args:
        values: any JSON value.
        file: name of the file, for the error.
        name: where in the file the list stands ('annotations'; '' for the file itself).
        form: what the file should be, for the remedy.

    Raises:
        InputError: ``values`` is no list, is empty, or something in it is no object; all methods, where a value does
            not fit. The error names the first such entry and the number of the others.
    """

    def __init__(self, values, file: str, name: str, form: str) -> None:
        self.file, self.name, self.form = file, name, form
        if type(values) is not list:
            raise InputError(f'{file}: {name or "it"} is no list', f'Give {form}.')
        if not values:
            raise InputError(f'{file}: {name or "it"} is empty', f'Give {form}, with entries.')
        self.values = values
        self.refuse((type(value) is not dict for value in values), lambda i: f'{shown(values[i])} is no object')

    def __len__(self) -> int:
        return len(self.values)

    def refuse(self, wrong: Iterable[bool], what: Callable[[int], str], remedy: str | None = None) -> None:
        """Raise an :class:`InputError` if an entry is ``wrong``, saying ``what`` of the first."""
        wrong = np.flatnonzero(np.fromiter(wrong, dtype=bool, count=len(self)))
        if len(wrong):
            others = f' ({len(wrong) - 1} more like it)' if len(wrong) > 1 else ''
            raise InputError(f'{self.file}: {self.name or "entry "}[{wrong[0]}]: {what(wrong[0])}{others}',
                             remedy or f'Correct that; the file is to be {self.form}.')

    def column(self, key: str) -> list:
        """Return the values under ``key``, which every entry must have."""
        self.refuse((key not in value for value in self.values), lambda i: f'lacks {key!r}')
        return [value[key] for value in self.values]

    def integers(self, key: str, least: int | None = None) -> list[int]:
        """Return a column of integers, ``least`` or more."""
        column = self.column(key)
        least = -LARGEST_INTEGER if least is None else least
        self.refuse((type(value) is not int or not least <= value <= LARGEST_INTEGER for value in column),
                    lambda i: f'{key} is {shown(column[i])}, which is no integer that {key} can be')
        return column

    def unique(self, key: str) -> list[int]:
        """Return a column of integers of which none comes twice."""
        column = self.integers(key)
        if len(set(column)) < len(column):
            seen = set()
            self.refuse((value in seen or seen.add(value) is not None for value in column),
                        lambda i: f'{key} {column[i]} was there before', f'Give every entry an {key} of its own.')
        return column

    def known(self, key: str, allowed: Iterable[int], where: str) -> list[int]:
        """Return a column of integers, each of which is one of ``allowed``, the ids in ``where``."""
        column, allowed = self.integers(key), set(allowed)
        self.refuse((value not in allowed for value in column), lambda i: f'{key} {column[i]} is not in {where}',
                    'Give the result and annotation files of the same images and classes.')
        return column

    def numbers(self, key: str) -> np.ndarray:
        """Return a column of finite numbers, (n,) float64."""
        column = self.column(key)
        numbers = as_numbers(column)
        self.refuse(~np.isfinite(numbers), lambda i: f'{key} is {shown(column[i])}, which is no finite number')
        return numbers

    def boxes(self, key: str) -> np.ndarray:
        """Return a column of boxes x, y, width, height, (n, 4) float64, with sizes of 0 or more."""
        column = self.column(key)
        self.refuse((type(box) is not list or len(box) != 4 for box in column),
                    lambda i: f'{key} is {shown(column[i])}, not x, y, width, height')
        boxes = as_numbers([number for box in column for number in box]).reshape(-1, 4)
        self.refuse(~np.isfinite(boxes).all(1), lambda i: f'{key} is {shown(column[i])}, not four finite numbers')
        self.refuse((boxes[:, 2:] < 0).any(1), lambda i: f'{key} {shown(column[i])} has a negative width or height',
                    'Boxes are x, y, width, height in pixels, not two corners: write them so.')
        return boxes


def as_numbers(values: list) -> np.ndarray:
    """Return ``values`` as float64, with NaN for what is no number."""
    return np.array([value if type(value) is float or (type(value) is int and abs(value) <= LARGEST_INTEGER)
                     else np.nan for value in values], dtype=np.float64)
