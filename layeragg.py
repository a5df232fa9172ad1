"""The command ``layeragg``: ``layeragg train ...`` is ``python tools/train.py ...``, and so for every tool.

It lies beside the package, because importing anything of the package imports torch and the mm libraries, which takes
seconds. A tool's arguments are where they were, in the tool, which travels in ``layeragg_mm/.mim/tools``.
"""
import ast
import sys
from difflib import get_close_matches
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

__all__ = ['main']

SHARED = 'command_line'  # what the tools import, itself no tool
SHORT = {'check_dataset': 'check'}


def main() -> None:
    """Run the tool that the first argument names with the others, or list the tools.

    Exits with the tool's code (tools/command_line.py); with 2 and two lines if there is no such tool.
    """
    tools = find_tools()
    sys.path.insert(0, str(next(iter(tools.values())).parent))  # as where Python runs a tool's file
    run_tool = import_module(SHARED).run_tool
    name, *arguments = sys.argv[1:] or ['--help']
    if name in ('--help', '-h'):
        run_tool(lambda: print(listed(tools)))
    elif name in tools:
        sys.argv = [f'layeragg {name}', *arguments]  # the tool shows the first as its name
        run_tool(import_module(tools[name].stem).main)
    else:
        near = get_close_matches(name.replace('-', '_'), tools, 1, .5)
        print(f'error: layeragg has no command {name!r}' + (f'; did you mean {near[0]!r}?' if near else ''),
              f'There are {", ".join(tools)}; layeragg --help tells what they do.', sep='\n', file=sys.stderr)
        sys.exit(2)


def find_tools() -> dict[str, Path]:
    """Return the file of each tool by its command."""
    package, = find_spec('layeragg_mm').submodule_search_locations
    files = sorted(Path(package, '.mim/tools').glob('*.py'))
    return {SHORT.get(file.stem, file.stem): file for file in files if file.stem != SHARED}


def listed(tools: dict[str, Path]) -> str:
    """Return what ``--help`` tells: each tool with the first line of its docstring, without the example there."""
    width = max(map(len, tools))
    lines = [f'  {name:{width}}  {ast.get_docstring(ast.parse(file.read_text("utf-8"))).splitlines()[0]}'
             for name, file in tools.items()]
    return '\n'.join(['usage: layeragg COMMAND ...', '', 'Layer aggregation for MMDetection and MMSegmentation.', '',
                      *(line.partition(' python tools/')[0].rstrip(':') for line in lines), '',
                      'layeragg COMMAND --help tells the arguments of a command.'])


if __name__ == '__main__':
    main()
