"""Judging pictures on the box itself, so that none leaves it (docs/edge-matching.md). Imported only where it is asked
for: with it come the models, and some 500 MiB of memory."""
