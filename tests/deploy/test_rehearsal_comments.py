"""The jobs that post the report of `make db-rehearse`: one comment, which each push updates."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from harness.ci_files import GITHUB_SHELL, GITLAB_SHELL, github_jobs, github_script, gitlab_jobs
from harness.processes import only, run
from harness.template import Render

REPORT = "<!-- db-rehearse -->\n### nothing blocks"
# Replaces GitHub's program: lists the comments of a file, and records what is written.
GH = """#!/bin/sh
case "$*" in
*--paginate*) cat "$0.comments" ;;
*) printf '%s\\n' "$@" >>"$0.log" ;;
esac
"""


@pytest.mark.parametrize(("written", "method"), [("", "POST"), ("41\n42\n", "PATCH")])
def test_github_comment_is_updated(
    rendered: Render, tmp_path: Path, written: str, method: str
) -> None:
    script = only(github_script(github_jobs(rendered())["comment"]))
    program = tmp_path / "gh"
    program.write_text(GH, "utf-8")
    program.chmod(0o755)
    (tmp_path / "gh.comments").write_text(written, "utf-8")
    environment = {
        "PATH": f"{tmp_path}:/usr/bin:/bin",
        "GITHUB_REPOSITORY": "acme/orders",
        "NUMBER": "7",
        "REPORT": REPORT,
    }
    run(*GITHUB_SHELL, script, cwd=tmp_path, env=environment)
    log = (tmp_path / "gh.log").read_text("utf-8")
    address = "repos/acme/orders/issues/7/comments"
    if written:
        address = "repos/acme/orders/issues/comments/41"
    assert log == f"api\n--method\n{method}\n{address}\n--raw-field\nbody={REPORT}\n"


@contextmanager
def gitlab_api(notes: list[dict[str, Any]]) -> Iterator[tuple[str, list[tuple[str, str, Any]]]]:
    """Serve the notes of a merge request; yield the URL, and a list of what is written."""
    written: list[tuple[str, str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def reply(self, content: object) -> None:
            body = json.dumps(content).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            assert self.headers["PRIVATE-TOKEN"] == "secret"
            if self.path == "/user":
                self.reply({"id": 5})
            else:
                self.reply(notes if self.path.endswith("&page=1") else [])

        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            written.append((self.command, self.path, json.loads(body)))
            self.reply({})

        do_POST = do_PUT

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", written
    finally:
        server.shutdown()
        server.server_close()


NOTES = "/projects/3/merge_requests/7/notes"
OTHERS = [
    {"id": 1, "author": {"id": 5}, "body": "Looks good"},
    {"id": 2, "author": {"id": 6}, "body": REPORT},
]
OWN = {"id": 9, "author": {"id": 5}, "body": REPORT}


@pytest.mark.parametrize(
    ("notes", "expected"),
    [(OTHERS, ("POST", NOTES)), ([*OTHERS, OWN], ("PUT", f"{NOTES}/9"))],
)
def test_gitlab_note_is_updated(
    rendered: Render, tmp_path: Path, notes: list[dict[str, Any]], expected: tuple[str, str]
) -> None:
    script = only(gitlab_jobs(rendered(ci="gitlab"))["rehearse-note"]["script"])
    (tmp_path / "rehearsal.md").write_text(REPORT, "utf-8")
    with gitlab_api(notes) as (url, written):
        environment = {
            "CI_API_V4_URL": url,
            "CI_PROJECT_ID": "3",
            "CI_MERGE_REQUEST_IID": "7",
            "REHEARSE_TOKEN": "secret",
        }
        run(*GITLAB_SHELL, script, cwd=tmp_path, env=environment)
    assert written == [(*expected, {"body": REPORT})]


def test_report_is_posted_without_the_code(rendered: Render) -> None:
    """The job with a token that may write runs no code of the branch, and not for forks."""
    jobs = github_jobs(rendered("hub"))
    assert "github.token" not in str(jobs["rehearse"])
    comment = jobs["comment"]
    assert "head.repo.full_name == github.repository" in comment["if"]
    assert comment["env"]["REPORT"] == "${{ needs.rehearse.outputs.report }}"
    assert "make" not in github_script(comment)[0]
    note = gitlab_jobs(rendered("lab", ci="gitlab"))["rehearse-note"]
    assert note["variables"]["GIT_STRATEGY"] == "none"
    assert "$CI_MERGE_REQUEST_SOURCE_PROJECT_ID == $CI_PROJECT_ID" in only(note["rules"])["if"]
    assert "make" not in "".join(note["script"])
