"""Factories of rows, for tests."""


class ${resource.model}Factory(RowFactory[${resource.model}]):
    """${sentence(resource.labels)}."""
