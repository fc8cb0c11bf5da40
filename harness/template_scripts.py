"""Modules of `template/scripts/` that are the same in every service, for tests to import.

`tools/tags.py` does the same for itself, as it runs without the packages that harness/ needs.
"""

import sys

from harness.template import ROOT

sys.path.append(str(ROOT / "template"))

from scripts import answers, clone, release, tags

__all__ = ["answers", "clone", "release", "tags"]
