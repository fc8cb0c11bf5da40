"""Modules of `template/scripts/resource/` that need no rendered project, for tests to import.

The facts of the database are those of PostgreSQL, which has all types.
"""

import sys

from harness.template import ROOT

sys.path.append(str(ROOT / "template"))

from scripts.resource import postgresql

sys.modules["scripts.resource.database"] = postgresql

from scripts.resource import collisions, edits, fields, files, hubs, model, refusal, reserved

__all__ = ["collisions", "edits", "fields", "files", "hubs", "model", "refusal", "reserved"]
