"""Programs of this repository that are not tests: `make docs`, `demo`, `picture` and `tags`."""
