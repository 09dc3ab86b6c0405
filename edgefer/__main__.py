"""`python -m edgefer`: the console script."""

from __future__ import annotations

from edgefer.cli.main import main

main()
