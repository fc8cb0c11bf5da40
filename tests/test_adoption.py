"""docs/how-to/adopt-an-existing-project.md, done as it says with the project that it shows."""

import json
import re
from pathlib import Path

import pytest

from tests.databases import Server
from tests.project import Project, stopped
from tests.template import ROOT, render
from tests.test_readme import blocks

GUIDE = ROOT / "docs/how-to/adopt-an-existing-project.md"
FILE = re.compile(r"(?ms)^`([\w./]+)`:\n\n```(?:python|markdown)\n(.*?)^```$")
ADDED = re.compile(r"(?m)^ (.*)\n\+(.*)$")
ASK = """
import json, sys
from fastapi.testclient import TestClient
from app import main

app = main.create_app() if hasattr(main, "create_app") else main.app
with TestClient(app) as client:
    if len(sys.argv) > 1:
        client.post("/orders", params={"product": sys.argv[1]}).raise_for_status()
    print(json.dumps(client.get("/orders").raise_for_status().json()))
"""


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")


def orders(project: Project, url: str, *new: str) -> list[str]:
    """Ask the service itself, old or new; order something first."""
    done = project.run("python", "-c", ASK, *new, env={"DATABASE_URL": url})
    return list(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.slow
def test_guide(source: Path, project: Project, url: str, server: Server, tmp_path: Path) -> None:
    text = GUIDE.read_text("utf-8")
    before, after = text.split("## 1. ")
    adopted = Project(tmp_path / "orders", project.database)
    write(adopted.folder, dict(FILE.findall(before)))
    (adopted.folder / ".venv").symlink_to(project.folder / ".venv")
    assert orders(adopted, url, "tea") == ["tea"]

    render(source, adopted.folder, {"database": project.database}, overwrite=True)
    write(adopted.folder, dict(FILE.findall(after)))
    main = adopted.folder / "app/main.py"
    for line, added in ADDED.findall(after):
        assert main.read_text("utf-8").count(f"\n{line}\n") == 1
        main.write_text(main.read_text("utf-8").replace(line, f"{line}\n{added}"), "utf-8")
    assert len(ADDED.findall(after)) == 2

    develop, stamp, check = [one.commands for one in blocks(after) if one.language == "shell"]
    with stopped(adopted):
        for command in develop:
            adopted.run("sh", "-c", command)
        for command in stamp:
            adopted.run("sh", "-c", command, env={"DATABASE_URL": url})
        assert orders(adopted, url, "coffee") == ["tea", "coffee"]
        assert server.tables(url) >= {"users", "orders"}
        assert "nothing" not in adopted.alembic(url, "upgrade", "head").stdout
        for command in check:
            adopted.run("sh", "-c", command, timeout=600)
