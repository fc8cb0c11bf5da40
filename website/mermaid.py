"""Mermaid, which draws the diagrams: downloaded once, checked, and served by the site itself."""

import base64
import hashlib
import json
import shutil
import subprocess
import tarfile
from pathlib import Path

from website.errors import BuildError

PIN = json.loads(Path(__file__).with_name("mermaid.json").read_text("utf-8"))


def fetch(folder: Path) -> bytes:
    """Return the script from its package, which is kept in the folder and checked each time."""
    name = PIN["package"].removeprefix("@").replace("/", "-")
    package = folder / f"{name}-{PIN['version']}.tgz"
    if not package.is_file():
        download(folder)
    digest = hashlib.sha512(package.read_bytes()).digest()
    if f"sha512-{base64.b64encode(digest).decode()}" != PIN["integrity"]:
        package.unlink()
        raise BuildError(f"{package.name} is not the package that website/mermaid.json names")
    with tarfile.open(package) as archive:
        script = archive.extractfile(PIN["file"])
        assert script
        return script.read()


def download(folder: Path) -> None:
    """Download the package from the registry of npm into the folder."""
    npm = shutil.which("npm")
    if not npm:
        raise BuildError("npm is not installed, and downloads Mermaid: apt-get install npm")
    folder.mkdir(parents=True, exist_ok=True)
    specification = f"{PIN['package']}@{PIN['version']}"
    command = [npm, "pack", "--silent", "--pack-destination", str(folder), specification]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(f"npm pack {specification} failed:\n{done.stderr}")
