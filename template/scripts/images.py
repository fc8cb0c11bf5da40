"""Pins the images of Dockerfile, compose.yaml and CI by digest: `make images`.

A tag such as postgres:18 moves to another image every few weeks; a tag with a digest does not.
Dependabot and Renovate update both. Docker looks up the digests.
"""

import re
import shutil
import subprocess
from pathlib import Path

FILES = ("Dockerfile", "compose*.yaml", ".gitlab-ci.yml", ".gitlab/ci/*.yml", ".github/workflows/*")
# What precedes a name in a Dockerfile and in YAML; name and tag; an earlier digest.
IMAGE = re.compile(
    r"""(?m)^(FROM\ (?:--platform=\S+\ )?|\#\ syntax=|\ *(?:image:|name:|-)\ +["']?)
    ([a-z0-9][a-z0-9./_-]*:[\w$][\w.${}-]*)
    (@sha256:[0-9a-f]{64})?(?=["']?(?:\ |$))""",
    re.VERBOSE,
)
DIGEST = re.compile(r"(?m)^Digest: +(sha256:[0-9a-f]{64})$")


def list_files() -> list[Path]:
    files: list[Path] = []
    for pattern in FILES:
        files += Path().glob(pattern)
    return sorted(files)


def find_digest(image: str) -> str:
    """Return the current digest of a tag; exit with a message if Docker cannot look it up."""
    program = shutil.which("docker")
    if not program:
        raise SystemExit("docker is not installed; it is needed to look up digests")
    command = [program, "buildx", "imagetools", "inspect", image]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    digest = DIGEST.search(done.stdout)
    if done.returncode or not digest:
        reason = (done.stderr.strip().splitlines() or ["no digest"])[0]
        raise SystemExit(f"{image}: {reason}; nothing was changed")
    return digest[1]


def pin(text: str, digests: dict[str, str]) -> str:
    """Return the text of a file with a digest after each image, except those in variables."""

    def with_digest(match: re.Match[str]) -> str:
        before, image, _ = match.groups()
        if "$" in image:
            return match[0]
        if image not in digests:
            digests[image] = find_digest(image)
        return f"{before}{image}@{digests[image]}"

    return IMAGE.sub(with_digest, text)


def main() -> None:
    digests: dict[str, str] = {}
    changed: dict[Path, str] = {}
    for path in list_files():
        text = path.read_text("utf-8")
        pinned = pin(text, digests)
        if pinned != text:
            changed[path] = pinned
    # Written only when all digests are known: either all files are pinned or none.
    for path, text in changed.items():
        path.write_text(text, "utf-8")
        print(f"{path}: images pinned")
    if not changed:
        print(f"nothing to do: {len(digests)} images, all pinned by digest")


if __name__ == "__main__":
    main()
