"""Writes the pages whose tables are out of date."""

from harness.template import ROOT
from tools.reference import pages


def main() -> None:
    for path, text in pages():
        if text != path.read_text("utf-8"):
            path.write_text(text, "utf-8")
            print(f"written: {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
