"""The site of the documentation: `make docs` builds it, `make docs-serve` shows it."""
