"""`make bench`: every benchmark of the product, each with its conditions."""

from tests.bench.bench_vision import main

main()
