"""Programs of this repository that are no tests: `make docs`, `demo`, `picture` and `tags`."""
