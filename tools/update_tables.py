"""Write the tables of published numbers in README.md and docs/detection.md anew from configs/metafiles."""
import argparse
from pathlib import Path

from layeragg_mm.published_tables import outdated_documents


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    for file, text in outdated_documents(Path(__file__).parents[1]).items():
        file.write_text(text)
        print(f'wrote {file}')


if __name__ == '__main__':
    main()
