"""COCO's numbers of a result file: python tools/eval_coco.py results.segm.json instances_val2017.json"""
import argparse
import json
from functools import partial
from pathlib import Path

from rich.progress import Progress

from layeragg_mm.datasets.annotations import load_annotations
from layeragg_mm.errors import check_output, run_tool
from layeragg_mm.evaluation import (
    IOU_TYPES,
    backend,
    choose_iou_types,
    class_table,
    evaluate,
    load_results,
    metric_table,
    summarize,
)
from layeragg_mm.names import plain_console


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('results', help='detections in COCO\'s format (MMDetection: CocoMetric\'s outfile_prefix)')
    parser.add_argument('annotations', help='the true objects in COCO\'s format')
    parser.add_argument('--iou-type', nargs='+', choices=list(IOU_TYPES), help='default: what the results hold')
    parser.add_argument('--out', metavar='FILE.json', help='write all numbers here, within 0..1')
    args = parser.parse_args()
    if args.out is not None:
        check_output(args.out, [args.results, args.annotations])

    annotations = load_annotations(args.annotations)
    results = load_results(args.results, annotations)
    summaries = {}
    with Progress(console=plain_console(stderr=True), transient=True) as progress:
        for iou_type in choose_iou_types(args.iou_type, annotations, args.annotations, {args.results: results}):
            task = progress.add_task(iou_type, total=1)
            summaries[iou_type] = summarize(evaluate(annotations, results, iou_type, partial(progress.advance, task)))

    console = plain_console()
    for iou_type, summary in summaries.items():
        console.print(class_table(summary, iou_type))
    console.print(metric_table(summaries))
    console.print(f'COCO evaluation by {backend()}; s, m, l: objects of up to 32², 96² and more pixels', soft_wrap=True)
    if args.out is not None:
        content = dict(results=args.results, annotations=args.annotations, backend=backend(), **summaries)
        Path(args.out).parent.mkdir(parents=True, exist_ok=True)
        Path(args.out).write_text(json.dumps(content, indent=2) + '\n')
        console.print(f'wrote {args.out}', soft_wrap=True)


if __name__ == '__main__':
    run_tool(main)
