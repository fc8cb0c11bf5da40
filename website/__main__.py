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

from website import mermaid, page_files
from website.check import SiteCheck
from website.errors import BuildError
from website.languages import LANGUAGES, ROOT, Language
from website.links import translated_urls
from website.navigation import navigation
from website.search import put_guides_first

BUILD = ROOT / "build"
WORK = BUILD / "website"
SITE = BUILD / "site"
MERMAID = "javascripts/mermaid.js"


def configuration(language: Language) -> dict[str, Any]:
    """Return zensical.toml with the settings of a language."""
    config = tomllib.loads((ROOT / "zensical.toml").read_text("utf-8"))
    project = config["project"]
    project["docs_dir"] = f"website/pages-{language.code}"
    project["site_dir"] = f"website/site-{language.code}"
    project["nav"] = navigation(language)
    project["theme"]["language"] = language.code
    project["theme"]["custom_dir"] = "../website/theme"
    for palette, name in zip(project["theme"]["palette"], language.toggles, strict=True):
        palette["toggle"]["name"] = name
    project["extra"]["alternate"] = alternates(language)
    project["extra"]["translated"] = translated_urls()
    return config


def alternates(language: Language) -> list[dict[str, str]]:
    """Return the languages with their URLs, relative to the start of a language."""
    start = "../" if language.home else "./"
    links = []
    for other in LANGUAGES:
        url = f"{start}{other.home}".rstrip("/") + "/"
        links.append({"name": other.name, "lang": other.code, "link": url})
    return links


def build() -> None:
    """Build the site, and replace the one built before when it is complete."""
    script = mermaid.fetch(BUILD / "vendor")
    shutil.rmtree(WORK, ignore_errors=True)
    for language in LANGUAGES:
        build_language(language, script)
    for language in LANGUAGES:
        if language.home:
            (WORK / f"site-{language.code}").rename(WORK / "site-en" / language.home)
    faults = SiteCheck(WORK / "site-en").faults()
    if faults:
        raise BuildError("\n".join(["Links of the site that lead nowhere:", *faults]))
    shutil.rmtree(SITE, ignore_errors=True)
    (WORK / "site-en").rename(SITE)


def build_language(language: Language, script: bytes) -> None:
    """Build the site of a language, with the script of Mermaid, and its order of search results."""
    folder = WORK / f"pages-{language.code}"
    folder.mkdir(parents=True)
    page_files.write(language, folder)
    config = BUILD / f"zensical-{language.code}.toml"
    config.write_text(tomli_w.dumps(configuration(language)), "utf-8")
    run_zensical("build", "--clean", "--strict", "--config-file", str(config))
    path = WORK / f"site-{language.code}" / MERMAID
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(script)
    put_guides_first(WORK / f"site-{language.code}")


def run_zensical(*arguments: str) -> None:
    """Run Zensical; raise BuildError when it fails or warns."""
    command = [sys.executable, "-m", "zensical", *arguments]
    done = subprocess.run(
        command, cwd=BUILD, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    print(done.stdout, end="", flush=True)
    # Zensical succeeds despite some of its warnings.
    if done.returncode or "warning" in done.stdout.lower():
        raise BuildError("Zensical is not content with the pages: see above")


def last_change() -> float:
    """Return when a file of the documentation was last modified."""
    times = []
    for folder in ("docs", "website", "hooks"):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file():
                times.append(path.stat().st_mtime)
    for name in ("zensical.toml", "CHANGELOG.md"):
        times.append((ROOT / name).stat().st_mtime)
    return max(times)


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
    """Serve the site until the process is stopped; rebuild it when a page changes."""
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"The documentation is at http://127.0.0.1:{server.server_port}/", flush=True)
    built = last_change()
    while True:
        time.sleep(1)
        if last_change() > built:
            built = last_change()
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
        if not arguments.serve:
            build()
            return
        # A port in use is reported before the site is built, which takes a while.
        server = listen(arguments.port)
        build()
        serve(server)
    except BuildError as error:
        sys.exit(f"{error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
