"""Pictures are written whole, for scenes with and without objects."""
import numpy as np
from matplotlib.image import imread

from layeragg_mm.visualization import Objects, Scene, read_scalars, save_sheet, save_training_curves


def test_a_sheet_shows_masks_boxes_and_labels(tmp_path):
    image = np.zeros((40, 40, 3), dtype=np.uint8)
    mask = np.zeros((1, 40, 40), dtype=bool)
    mask[0, 10:30, 10:30] = True
    one = Objects(np.array([[10, 10, 30, 30]]), np.array([1]), mask, np.array([.9]))
    none = Objects(np.zeros((0, 4)), np.zeros(0, dtype=int), np.zeros((0, 40, 40), dtype=bool))
    save_sheet([Scene(image, dict(truth=none, prediction=none))], ['cat', 'dog'], tmp_path / 'none.png')
    save_sheet([Scene(image, dict(truth=none, prediction=one))], ['cat', 'dog'], tmp_path / 'one.png')
    without, with_one = imread(tmp_path / 'none.png'), imread(tmp_path / 'one.png')
    half = without.shape[1] // 2
    assert (without[:, :half] == with_one[:, :half]).all()
    assert (without[:, half:] != with_one[:, half:]).any(-1).mean() > .05
    assert image.max() == 0


def test_a_sheet_has_a_place_for_every_panel_and_marks_ignored_objects(tmp_path):
    image, boxes = np.zeros((40, 40, 3), dtype=np.uint8), np.array([[10, 10, 30, 30]])
    used, ignored = (Objects(boxes, np.array([1]), ignored=np.array([flag])) for flag in (False, True))
    scenes = [Scene(image, dict(truth=used, ours=ignored, theirs=used))] * 2
    save_sheet(scenes, ['cat', 'dog'], tmp_path / 'sheet.png', columns=1)
    sheet = imread(tmp_path / 'sheet.png')[..., :3]
    assert sheet.shape[1] > 1.3 * sheet.shape[0]  # three panels in two rows
    truth, ours, theirs = np.array_split(sheet[:, :sheet.shape[1] // 3 * 3], 3, 1)
    green = [(np.ptp(panel, -1) > .2).sum() for panel in (truth, ours, theirs)]
    assert green[0] > 100 and green[1] == 0 and green[2] > 100


def test_curves_of_a_run(tmp_path):
    (tmp_path / 'scalars.json').write_text(
        '{"loss": 2.0, "loss_cls": 1.0, "step": 10}\n{"coco/bbox_mAP": 0.5, "coco/segm_mAP": 0.4, "step": 20}\n')
    save_training_curves(read_scalars(tmp_path / 'scalars.json'), tmp_path / 'curves.png')
    assert (imread(tmp_path / 'curves.png')[..., :3] < .5).any()
