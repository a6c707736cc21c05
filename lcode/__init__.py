"""lcode: a memory-first coding agent for the terminal.

Nothing is imported here, so that `lcode --version` costs no more than the interpreter.
"""

__version__ = "0.1.0"
