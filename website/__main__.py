"""Build the site of the documentation, or serve it.

Zensical builds one language at a time, so it runs once for each, on a copy of the pages.
"""

import argparse
import functools
import http.server
import shutil
import subprocess
import sys
import threading
import time
import tomllib
from typing import Any

import tomli_w

from website import check, mermaid, pages
from website.errors import BuildError
from website.pages import LANGUAGES, ROOT, Language

BUILD = ROOT / "build"
WORK = BUILD / "website"
SITE = BUILD / "site"
MERMAID = "javascripts/mermaid.js"


def configuration(language: Language) -> dict[str, Any]:
    """Return zensical.toml with what differs between the languages."""
    config = tomllib.loads((ROOT / "zensical.toml").read_text("utf-8"))
    project = config["project"]
    project["docs_dir"] = f"website/pages-{language.code}"
    project["site_dir"] = f"website/site-{language.code}"
    project["nav"] = pages.navigation(language)
    project["theme"]["language"] = language.code
    project["theme"]["custom_dir"] = "../website/theme"
    for palette, name in zip(project["theme"]["palette"], language.toggles, strict=True):
        palette["toggle"]["name"] = name
    start = "../" if language.home else "./"
    project["extra"]["alternate"] = [
        {"name": other.name, "lang": other.code, "link": f"{start}{other.home}".rstrip("/") + "/"}
        for other in LANGUAGES
    ]
    project["extra"]["translated"] = pages.translated()
    return config


def build() -> None:
    """Build the site anew. The one that is there is replaced when the new one is complete."""
    script = mermaid.fetch(BUILD / "vendor")
    shutil.rmtree(WORK, ignore_errors=True)
    for language in LANGUAGES:
        folder = WORK / f"pages-{language.code}"
        folder.mkdir(parents=True)
        pages.write(language, folder)
        config = BUILD / f"zensical-{language.code}.toml"
        config.write_text(tomli_w.dumps(configuration(language)), "utf-8")
        zensical("build", "--clean", "--strict", "--config-file", str(config))
        path = WORK / f"site-{language.code}" / MERMAID
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(script)
    for language in LANGUAGES:
        if language.home:
            (WORK / f"site-{language.code}").rename(WORK / "site-en" / language.home)
    if wrong := check.site(WORK / "site-en"):
        raise BuildError("\n".join(["Links of the site that lead nowhere:", *wrong]))
    shutil.rmtree(SITE, ignore_errors=True)
    (WORK / "site-en").rename(SITE)


def zensical(*arguments: str) -> None:
    command = [sys.executable, "-m", "zensical", *arguments]
    done = subprocess.run(
        command, cwd=BUILD, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    print(done.stdout, end="", flush=True)
    # What it warns of is an error here, whether or not it thinks so itself.
    if done.returncode or "warning" in done.stdout.lower():
        raise BuildError("Zensical is not content with the pages: see above")


def newest() -> float:
    folders = [ROOT / "docs", ROOT / "website", ROOT / "hooks"]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    files += [ROOT / "zensical.toml", ROOT / "CHANGELOG.md"]
    return max(path.stat().st_mtime for path in files)


def listen(port: int) -> http.server.ThreadingHTTPServer:
    """Return a server of the site on this machine only; raise BuildError where it cannot listen."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(SITE))
    try:
        return http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or "ports are numbers from 0 to 65535"
        raise BuildError(
            f"cannot listen on 127.0.0.1:{port}: {reason}; choose another port:"
            " make docs-serve port=8002"
        ) from None


def serve(server: http.server.ThreadingHTTPServer) -> None:
    """Serve the site, and build it again when a page has changed."""
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"The documentation is at http://127.0.0.1:{server.server_port}/", flush=True)
    built = newest()
    while True:
        time.sleep(1)
        if newest() > built:
            built = newest()
            try:
                build()
            except BuildError as error:
                print(error, file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m website", description=__doc__)
    parser.add_argument("--serve", action="store_true", help="serve the site after building it")
    parser.add_argument("--port", type=int, default=8001)
    arguments = parser.parse_args()
    try:
        # Before the site is built, which takes a while.
        server = listen(arguments.port) if arguments.serve else None
        build()
        if server:
            serve(server)
    except BuildError as error:
        sys.exit(f"{error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
