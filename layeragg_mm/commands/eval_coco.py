"""What tools/eval_coco.py does."""
import argparse
import json
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from ..datasets.annotations import load_annotations
from ..errors import check_output
from ..evaluation import (
    backend,
    choose_iou_types,
    class_table,
    evaluate,
    load_results,
    metric_table,
    summarize,
)

__all__ = ['run']


def run(args: argparse.Namespace) -> None:
    if args.out is not None:
        check_output(args.out, [args.results, args.annotations])

    annotations = load_annotations(args.annotations)
    results = load_results(args.results, annotations)
    summaries = {}
    with Progress(console=Console(stderr=True), transient=True) as progress:
        for iou_type in choose_iou_types(args.iou_type, annotations, args.annotations, {args.results: results}):
            task = progress.add_task(iou_type, total=1)
            summaries[iou_type] = summarize(evaluate(annotations, results, iou_type, partial(progress.advance, task)))

    console = Console()
    for iou_type, summary in summaries.items():
        console.print(class_table(summary, iou_type))
    console.print(metric_table(summaries))
    console.print(f'COCO evaluation by {backend()}; s, m, l: objects of up to 32², 96² and more pixels', soft_wrap=True)
    if args.out is not None:
        content = dict(results=args.results, annotations=args.annotations, backend=backend(), **summaries)
        Path(args.out).parent.mkdir(parents=True, exist_ok=True)
        Path(args.out).write_text(json.dumps(content, indent=2) + '\n')
        console.print(f'wrote {args.out}', soft_wrap=True)
