"""Small images with label maps, in the layouts of CamVid, Cityscapes, BSDS500 and ADE20K."""
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat

HEIGHT, WIDTH = 45, 60


def label_map(seed: int, classes: int = 11) -> np.ndarray:
    """Return rectangles of random classes, (HEIGHT, WIDTH) uint8."""
    rng = np.random.RandomState(seed)
    labels = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    for label in rng.permutation(classes):
        top, left = rng.randint(HEIGHT - 10), rng.randint(WIDTH - 10)
        labels[top:top + 25, left:left + 30] = label
    return labels


def write_scene(image: Path, labels: Path, content: np.ndarray) -> None:
    for file in (image, labels):
        file.parent.mkdir(parents=True, exist_ok=True)
    grey = content.astype(np.uint8)[..., None] * 20
    Image.fromarray(np.concatenate([grey, 255 - grey, grey], axis=-1)).save(image)
    if labels.suffix == '.mat':
        annotators = np.empty((1, 2), dtype=object)
        for i in range(2):
            boundaries = np.zeros(content.shape, dtype=np.uint8)
            boundaries[10 * (i + 1)] = 1
            annotators[0, i] = dict(Segmentation=content.astype(np.uint16), Boundaries=boundaries)
        savemat(labels, dict(groundTruth=annotators))
    else:
        Image.fromarray(content).save(labels)


def make_camvid(folder: Path) -> None:
    """Write four scenes with unlabelled pixels (11) as img/ and ann/."""
    for seed, name in enumerate(('train/a', 'train/b', 'val/c', 'val/d')):
        labels = label_map(seed)
        labels[:4] = 11
        write_scene(folder / f'img/{name}.jpg', folder / f'ann/{name}.png', labels)


def make_cityscapes(folder: Path) -> None:
    for seed, name in enumerate(('train/bonn/a', 'train/bonn/b', 'val/ulm/c')):
        write_scene(folder / f'leftImg8bit/{name}_leftImg8bit.png', folder / f'gtFine/{name}_gtFine_labelTrainIds.png',
                    label_map(seed, 19))


def make_bsds(folder: Path) -> None:
    """Write three images with two annotators, who drew row 10 and row 20."""
    for seed, name in enumerate(('train/a', 'val/b', 'test/c')):
        write_scene(folder / f'images/{name}.jpg', folder / f'groundTruth/{name}.mat', label_map(seed))


def make_ade20k(folder: Path) -> None:
    """Write three images whose label maps number the classes from 1 on, 0 being none."""
    for seed, name in enumerate(('training/a', 'training/b', 'validation/c')):
        write_scene(folder / f'images/{name}.jpg', folder / f'annotations/{name}.png', label_map(seed, 151))
