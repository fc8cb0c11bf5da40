"""Reports each revision of an Alembic command to telemetry, with the time that it took."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from kit._internal.migrations.options import both_functions

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext, MigrationInfo

    from kit._internal.migrations.options import Options
    from kit._internal.telemetry.interface import Job


class StepRecorder:
    """Reports the revisions of a job; revisions run one after another."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.start = time.time_ns()

    def add_to(self, options: Options) -> dict[str, Any]:
        """Return options of context.configure() with which each revision is reported."""
        return {
            **options,
            "on_version_apply": both_functions(options["on_version_apply"], self.record),
        }

    def restart(self) -> None:
        """Measure the next revision from now on."""
        self.start = time.time_ns()

    def record(
        self,
        ctx: MigrationContext,  # noqa: ARG002
        step: MigrationInfo,
        *_: object,
        **__: object,
    ) -> None:
        """Report a revision: Alembic's `on_version_apply`."""
        end = time.time_ns()
        direction = "upgrade" if step.is_upgrade else "downgrade"
        revisions = step.up_revision_ids or step.down_revision_ids
        attributes = {"direction": direction, "revision": ", ".join(revisions)}
        self.job.step(f"{direction} {attributes['revision']}", attributes, self.start, end)
        self.start = end
