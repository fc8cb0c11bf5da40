"""The site of the documentation, built from a copy of the repository, and a browser that watches it."""

import contextlib
import functools
import http.server
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import ConsoleMessage, Page, Request, Response

from harness.processes import run
from harness.template import ROOT, copy_of_working_tree

# A page with everything that a page can have.
SAMPLE = """\
---
databases: [postgresql, sqlite]
---

# Sample

See the [hooks](../../hooks/README.md#the-rules), the [start](../README.md) and
[Korean](../ko/index.md). `[no](link.md)`

- Two spaces belong to an item here:

  ```console
  $ make one
  done
  $ make two
  ```

  1. Three spaces to this one.

     ```python
     1 + 1
     ```

  2. Second.

```diff title="app/models/user.py"
 class User(Base):
-    nickname: Mapped[str]
+    phone_number: Mapped[str | None]
```

```console fails
$ make wrong
[no](link.md)
```

```console not-run="needs a cluster"
$ kubectl get pods
```

```yaml title="compose.yaml" not-run="needs Docker"
services: {}
```

> [!NOTE]
> A remark.

```mermaid
erDiagram
    users ||--o{ orders : place
```
"""


def copy_repository(folder: Path) -> Path:
    """Copy the repository, with the package of Mermaid if it has been fetched before."""
    copy_of_working_tree(folder)
    with contextlib.suppress(FileNotFoundError):
        shutil.copytree(ROOT / "build/vendor", folder / "build/vendor")
    return folder


def build(repository: Path, code: int = 0) -> str:
    """Build the site; return what that prints."""
    done = run(sys.executable, "-m", "website", cwd=repository, code=code)
    return done.stdout + done.stderr


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@contextlib.contextmanager
def serving_files(folder: Path) -> Iterator[str]:
    """Serve a folder on loopback; yield its URL."""
    handler = functools.partial(QuietHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


class PageWatch:
    """Records what goes wrong while a page of the browser is used."""

    def __init__(self, page: Page, site: str) -> None:
        self.page = page
        self.site = site
        self.faults: list[str] = []
        page.on("pageerror", self.on_error)
        page.on("console", self.on_console)
        page.on("request", self.on_request)
        page.on("requestfailed", self.on_failed_request)
        page.on("response", self.on_response)

    def on_error(self, error: Exception) -> None:
        self.faults.append(f"{self.page.url}: {error}")

    def on_console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.faults.append(f"{self.page.url}: {message.text}")

    def on_request(self, request: Request) -> None:
        if not request.url.startswith((self.site, "data:", "blob:")):
            self.faults.append(f"{self.page.url} requests {request.url}")

    def on_failed_request(self, request: Request) -> None:
        # The browser aborts pending requests when it opens the next page.
        if request.failure != "net::ERR_ABORTED":
            self.faults.append(f"{request.url}: {request.failure}")

    def on_response(self, response: Response) -> None:
        if response.status >= 400:
            self.faults.append(f"{response.url}: {response.status}")
