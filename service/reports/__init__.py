"""Read-only reports in formats that leave the browser."""

from service.reports.in_bed_rate_csv import in_bed_rate_csv, spreadsheet_safe

__all__ = ["in_bed_rate_csv", "spreadsheet_safe"]
