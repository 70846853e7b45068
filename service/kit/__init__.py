"""Small things every room needs: time, ids, intervals, geometry, statistics, errors. Imports nothing of ours."""
