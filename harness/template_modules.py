"""Modules of `template/kit/` that import nothing of kit, loaded from their files for tests."""

import importlib.util
from types import ModuleType

from harness.template import ROOT


def load_module(path: str) -> ModuleType:
    """Return the module of a file in `template/kit/`."""
    file = ROOT / "template/kit" / path
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
