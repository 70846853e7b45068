"""`python -m edge_agent` is `wardwatch-edge`."""

from edge_agent.cli import main

main()
