"""A run tells which images could not be read, and which one a data worker died of."""
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from mmengine.config import Config

from ..datasets.image_loading import load_by_name
from ..errors import RunError

__all__ = ['naming_images']


@contextmanager
def naming_images(cfg: Config, skip: bool = False) -> Iterator[None]:
    """Within, what ``cfg`` loads names the files that cannot be read, or that a data worker died of.

    Args:
        cfg: its data loaders are changed.
        skip: go on without the images that cannot be read in training; they are counted and listed at the end, and in
            ``skipped_images.txt`` in the work dir. Validation and test, whose scores are of all images, stop at them.

    Raises:
        UnreadableImageError: names the file.
        RunError: a data worker died, e.g. for lack of memory; names what it was reading.
    """
    skipped = Path(cfg.work_dir, 'skipped_images.txt')
    if not cfg.get('resume'):
        skipped.unlink(missing_ok=True)
    with TemporaryDirectory() as reading:
        for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
            options = dict(skipped=str(skipped)) if skip and name == 'train_dataloader' else {}
            load_by_name(cfg.get(name), reading=reading, **options)
        try:
            yield
        except RuntimeError as error:
            if not str(error).startswith('DataLoader worker'):
                raise
            notes = [Path(reading, pid) for pid in re.findall(r'\d+', str(error))]
            images = ', '.join(note.read_text().split('\n')[0] for note in notes if note.is_file()) or 'no image yet'
            raise RunError(f'a data worker died while it read {images}: {str(error).splitlines()[0]}',
                           'Look at that image; if memory ran out, lower num_workers or the batch size; then go on '
                           'with --resume.') from error
        finally:
            if skipped.is_file():
                images = sorted(set(skipped.read_text().splitlines()))
                print(f'skipped {len(images)} images that cannot be read, listed in {skipped}:', *images, sep='\n  ')
