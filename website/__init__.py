"""The site of the documentation: build it by `make docs`, look at it by `make docs-serve`."""
