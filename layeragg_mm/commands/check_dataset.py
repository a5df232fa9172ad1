"""What tools/check_dataset.py does."""
import argparse
import contextlib
import io
import json
from collections import Counter
from pathlib import Path

from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.registry import init_default_scope
from mmengine.runner import set_random_seed
from rich.console import Console
from rich.progress import track

from ..datasets.anchors import find_anchors, measure
from ..datasets.annotations import load_training_annotations
from ..datasets.checks import check_data, check_image, is_plain_coco
from ..datasets.image_formats import traits_of
from ..datasets.label_map_checks import check_label_map, has_label_maps
from ..datasets.pipeline_checks import check_objects
from ..datasets.sampling import images_of, leaves, spread
from ..datasets.survey import survey
from ..datasets.survey_tables import anchor_summary, anchor_table, class_table, ignored_table, survey_summary
from ..engine.config import read_config
from ..engine.evaluator_checks import check_evaluated, check_evaluators
from ..engine.section_checks import check_loader
from ..errors import InputError, check_output
from ..own_data.use import use_data
from ..visualization import Scene, load_labelled, save_sheet

__all__ = ['run']

SHEET_IMAGES = 12


def print_survey(console: Console, mode: str, dataset: BaseDataset) -> dict:
    """Print what is in a COCO data set and what is left out, and return it as plain data."""
    poly2mask = next((transform.poly2mask for transform in dataset.pipeline.transforms
                      if getattr(transform, 'with_mask', False)), None)
    found = survey(load_training_annotations(dataset.ann_file, poly2mask), dataset.metainfo['classes'], poly2mask,
                   None if dataset.test_mode else dataset.filter_cfg)
    console.print(f'\n{mode}: {dataset.ann_file}: {found.images} images, {found.objects} objects to learn from',
                  soft_wrap=True, markup=False)
    console.print(class_table(found))
    if found.ignored or found.images_left_out:
        console.print(ignored_table(found))
    if found.beyond:
        console.print(f'  {found.beyond} boxes reach beyond their image')
    return survey_summary(found)


def print_images(console: Console, mode: str, dataset, most: int) -> dict:
    """Read images, print in what they differ from 8-bit RGB, and return it as plain data."""
    images = images_of(dataset)
    traits = Counter()
    chosen = spread(len(images), most)
    for position in track(chosen, f'reading images ({mode})', console=console, transient=True):
        leaf, index = images[position]
        check_image(leaf, index)
        if has_label_maps(leaf):
            check_label_map(leaf, index)
        traits.update(traits_of(leaf.get_data_info(index)['img_path']))
    console.print(f'{len(chosen)} of {len(images)} images were read, all of the size in the annotation file')
    for trait, count in traits.items():
        console.print(f'  {count} of them {trait}')
    return dict(read=len(chosen), traits=dict(traits))


def print_anchors(console: Console, cfg: Config, dataset, most: int) -> dict | None:
    """Measure and print how well the anchors fit the boxes, and return it as plain data."""
    fit = find_anchors(cfg.model)
    if fit is None:
        console.print('\nanchors: the model has none')
        return None
    set_random_seed(0)  # for augmentation
    chosen = track(spread(len(dataset), most), 'comparing anchors', console=console, transient=True)
    summary = anchor_summary(fit, *measure(fit, (dataset[index] for index in chosen)))
    console.print(f'\nanchors ({fit.path}): best IoU of each box of the training pipeline')
    console.print(anchor_table(summary))
    for effect, threshold in summary['thresholds'].items():
        console.print(f'  below {threshold:g}: {effect}')
    return summary


def labelled_scenes(dataset) -> list[Scene]:
    """Return some images, spread over the data, with their true objects."""
    images = images_of(dataset)
    scenes = []
    for position in spread(len(images), SHEET_IMAGES):
        leaf, index = images[position]
        image, objects = load_labelled(leaf, index)
        scenes.append(Scene(image, {Path(leaf.get_data_info(index)['img_path']).name: objects}))
    return scenes


def run(args: argparse.Namespace) -> None:
    if args.num_images < 1:
        raise InputError(f'--num-images {args.num_images} leaves nothing to look at', 'Give 1 or more.')
    if args.out is not None:
        check_output(args.out, [], folder=True)
    cfg = read_config(args.config, cfg_options=args.cfg_options)
    console, report = Console(), {}
    init_default_scope(cfg.get('default_scope', 'mmdet'))
    use_data(cfg, args)
    for name in ('train_dataloader', 'val_dataloader'):
        if cfg.get(name):
            check_loader(cfg[name], name)
    true = check_evaluators(cfg, 'val')
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools tells its steps
        datasets = {mode: check_data(cfg, mode) for mode in ('train', 'val') if cfg.get(f'{mode}_dataloader')}
    if 'val' in datasets:
        check_evaluated(cfg, 'val', datasets['val'], true)
    check_objects(datasets['train'], cfg.train_dataloader.dataset)
    for mode, dataset in datasets.items():
        surveys = [print_survey(console, mode, leaf) for leaf in leaves(dataset) if is_plain_coco(type(leaf))]
        report[mode] = dict(surveys=surveys, images=print_images(console, mode, dataset, args.num_images))
    report['anchors'] = print_anchors(console, cfg, datasets['train'], args.num_images)
    if args.out is not None:
        scenes = labelled_scenes(datasets['train'])
        args.out.mkdir(parents=True, exist_ok=True)
        save_sheet(scenes, datasets['train'].metainfo['classes'], args.out / 'labelled.png')
        (args.out / 'report.json').write_text(json.dumps(report, indent=2) + '\n')
        console.print(f'\nwrote {args.out / "labelled.png"} and {args.out / "report.json"}', soft_wrap=True)
