"""`python -m lcode.worker AGENT`: what a session starts. Not a command for users; it ends by itself."""

from __future__ import annotations

import sys


def main() -> int:
    """Be the worker of the agent, or end at once where another is."""
    from lcode.worker.process import serve

    return serve(sys.argv[1]) if len(sys.argv) == 2 else 2


if __name__ == "__main__":
    sys.exit(main())
