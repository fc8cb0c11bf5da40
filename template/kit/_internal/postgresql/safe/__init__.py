"""Writes revisions that block no queries and break no running release: `make db-revision`."""
