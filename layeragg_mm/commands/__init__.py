"""What the tools do: a module for each, whose ``run`` takes the arguments of the command line (``tools/NAME.py``)."""
