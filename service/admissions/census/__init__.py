"""Admissions told in a table: the census, row by row, with a report for each."""
