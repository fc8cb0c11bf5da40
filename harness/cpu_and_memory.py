"""What a served process costs."""

import os
from pathlib import Path

from harness.servers import RunningService


class Load:
    """The CPU time of a served process from now on, and the most memory that it has."""

    def __init__(self, server: RunningService) -> None:
        self.folder = Path(f"/proc/{server.process.pid}")
        self.cpu = self.cpu_now()
        self.memory = self.read("VmRSS")
        (self.folder / "clear_refs").write_text("5")  # The peak begins at what it is now.

    def cpu_now(self) -> float:
        fields = (self.folder / "stat").read_text("utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def read(self, name: str) -> int:
        """Return an amount of memory, in MB."""
        status = (self.folder / "status").read_text("utf-8")
        kilobytes = status.partition(f"\n{name}:")[2].split()[0]
        return int(kilobytes) // 1_000

    def seconds(self) -> float:
        return self.cpu_now() - self.cpu

    def megabytes(self) -> int:
        return self.read("VmHWM") - self.memory
