"""What every room stands on: settings, database, jobs, blobs, keys, HTTP, logs and metrics. Knows no domain.

Import from its files (`service.platform.context`, `.jobs`, `.http`, …): a tables file needs the database only, and a
device box none of it.
"""
