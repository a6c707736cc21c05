"""The entry point: answers `--version` at once, and hands everything else to the command line.

Only `lcode` itself is imported before the version is out: scripts and prompts ask for it often.
"""

from __future__ import annotations

import sys

from lcode import __version__


def main() -> int:
    """Run the command line of this process; returns its exit code."""
    arguments = sys.argv[1:]
    if arguments in (["--version"], ["-V"]):
        sys.stdout.write(f"lcode {__version__}\n")
        return 0
    try:
        from lcode.cli.main import main as run

        return run(arguments)
    except KeyboardInterrupt:  # while the program was still loading
        return 130


if __name__ == "__main__":
    sys.exit(main())
