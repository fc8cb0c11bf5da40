"""The packages of generated projects: what uv has of them, compiled once for all environments."""

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

import uv

from harness.template import ROOT

# Kept from one run to the next; what is put into it is none of the cache of whoever runs the tests.
CACHE = ROOT / "build/uv"


def use_own_cache() -> None:
    """Have uv take packages from a cache of the tests, which begins with all that is in its usual one."""
    if not CACHE.exists():
        command = [uv.find_uv_bin(), "cache", "dir"]
        usual = Path(subprocess.check_output(command, text=True).strip())
        CACHE.parent.mkdir(exist_ok=True)
        begun = CACHE.with_name(f"uv-{os.getpid()}")
        try:
            # Links cost nothing.
            shutil.copytree(usual, begun, symlinks=True, copy_function=os.link)
            begun.rename(CACHE)
        except OSError:
            # No such cache, or on another disk, or in use: packages are fetched, if by nobody else.
            shutil.rmtree(begun, ignore_errors=True)
    os.environ["UV_CACHE_DIR"] = str(CACHE)


def keep_bytecode(environment: Path) -> None:
    """Put what Python has compiled there beside its sources in the cache: uv links both from now on."""
    sources = {path.stat().st_ino: path for path in CACHE.glob("archive-v*/**/*.py")}
    for compiled in environment.glob("lib*/**/__pycache__/*.pyc"):
        source = compiled.parent.parent / f"{compiled.name.partition('.')[0]}.py"
        if source.exists() and (origin := sources.get(source.stat().st_ino)):
            folder = origin.parent / "__pycache__"
            folder.mkdir(exist_ok=True)
            # Another process of these tests may be doing the same.
            with contextlib.suppress(FileExistsError):
                (folder / compiled.name).hardlink_to(compiled)
