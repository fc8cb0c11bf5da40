"""Changes the order of search results: guides come first, change log and decisions last.

Zensical has no setting for it: `search.boost` of MkDocs Material does nothing, and the theme sorts
in a script. So this module replaces one call in that script, which runs in the reader's browser.
Checked with Zensical 0.0.73; with a script that has no such call the build fails.
"""

from pathlib import Path

from website.errors import BuildError

SCRIPT = "assets/javascripts/workers/search.*.min.js"
ORDER = "handlers:[n=>me({fields:n.fields,comparators:[ye]})]"
NEW_ORDER = "handlers:[(n,sections)=>guidesFirst(sections,me({fields:n.fields,comparators:[ye]}))]"


def put_guides_first(site: Path) -> None:
    """Change the script of a built site; raise BuildError when it is not the one known here."""
    order = Path(__file__).with_name("search.js").read_text("utf-8")
    for path in site.glob(SCRIPT):
        script = path.read_text("utf-8")
        if script.count(ORDER) == 1:
            path.write_text(order + script.replace(ORDER, NEW_ORDER), "utf-8")
            return
    raise BuildError("the search of this version of Zensical is unknown: see website/search.py")
