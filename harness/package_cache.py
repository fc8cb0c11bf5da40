"""A cache of uv for the packages of generated projects, which are compiled once for all of them."""

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

import uv

from harness.template import ROOT

# Kept from one run to the next, and separate from the user's own cache, which it adds nothing to.
CACHE = ROOT / "build/uv"


def use_own_cache() -> None:
    """Set CACHE as the cache of uv; the first time it is filled from the user's own."""
    if not CACHE.exists():
        command = [uv.find_uv_bin(), "cache", "dir"]
        usual = Path(subprocess.check_output(command, text=True).strip())
        CACHE.parent.mkdir(exist_ok=True)
        unfinished = CACHE.with_name(f"uv-{os.getpid()}")
        try:
            # Hard links need neither time nor space.
            shutil.copytree(usual, unfinished, symlinks=True, copy_function=os.link)
            unfinished.rename(CACHE)
        except OSError:
            # There is no such cache, it is on another disk, or another process was faster.
            shutil.rmtree(unfinished, ignore_errors=True)
    os.environ["UV_CACHE_DIR"] = str(CACHE)


def keep_bytecode(environment: Path) -> None:
    """Link the bytecode of an environment into the cache; uv links it into later environments."""
    new = []
    for bytecode in environment.glob("lib*/**/__pycache__/*.pyc"):
        # Bytecode of the cache has a link there.
        if bytecode.stat().st_nlink == 1:
            new.append(bytecode)
    if not new:
        return
    cached = {identity(path): path for path in CACHE.glob("archive-v*/**/*.py")}
    for bytecode in new:
        source = bytecode.parent.parent / f"{bytecode.name.partition('.')[0]}.py"
        if source.exists() and identity(source) in cached:
            folder = cached[identity(source)].parent / "__pycache__"
            folder.mkdir(exist_ok=True)
            # Another process of these tests may be doing the same.
            with contextlib.suppress(FileExistsError):
                (folder / bytecode.name).hardlink_to(bytecode)


def identity(path: Path) -> tuple[int, int]:
    """Return what only links to the same file have in common: another disk has the same inodes."""
    status = path.stat()
    return status.st_dev, status.st_ino
