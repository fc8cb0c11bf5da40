"""The languages of the documentation, and which files of the repository each shows on the site."""

from dataclasses import dataclass, field
from pathlib import Path, PurePath, PurePosixPath

ROOT = Path(__file__).parent.parent

# Files outside docs/ that are pages of the site, and their paths on it.
GUESTS = {"CHANGELOG.md": "reference/changes.md", "hooks/README.md": "reference/hooks.md"}

# Paths on the site, relative to the start of a language, by paths in the repository.
SitePaths = dict[str, str]


@dataclass(frozen=True)
class Language:
    """A language, its words for the site, and where its pages are."""

    code: str
    name: str
    # Titles of the sections by the names of their folders.
    sections: dict[str, str]
    # Tooltips of the colour switch, which changes from the system's colours to light to dark.
    toggles: tuple[str, str, str]
    not_run: str
    # Where its pages are, within docs/ and on the site.
    home: str = ""
    guests: SitePaths = field(default_factory=dict)

    @property
    def source(self) -> PurePosixPath:
        """The folder of its pages in the repository."""
        return PurePosixPath("docs", self.home)

    def files(self) -> SitePaths:
        """Return the files of this language and their paths on the site."""
        folder = ROOT / self.source
        paths = {}
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not self.is_foreign(path.relative_to(ROOT)):
                site_path = path.relative_to(folder).as_posix()
                if site_path == "README.md":
                    site_path = "index.md"
                paths[path.relative_to(ROOT).as_posix()] = site_path
        return paths | self.guests

    def is_foreign(self, path: PurePath) -> bool:
        """Return whether a path in the repository is that of another language."""
        for language in LANGUAGES:
            is_within = language.source.is_relative_to(self.source)
            if language != self and is_within and path.is_relative_to(language.source):
                return True
        return False


LANGUAGES = (
    Language(
        "en",
        "English",
        {
            "tutorial": "Tutorial",
            "how-to": "How-to",
            "reference": "Reference",
            "explanation": "Explanation",
            "benchmarks": "Benchmarks",
            "decisions": "Decisions",
        },
        ("Light mode", "Dark mode", "As the system"),
        "Not run here: {reason}",
        guests=GUESTS,
    ),
    Language(
        "ko",
        "한국어",
        {
            "tutorial": "튜토리얼",
            "how-to": "사용 방법",
            "reference": "레퍼런스",
            "explanation": "해설",
            "benchmarks": "벤치마크",
            "decisions": "결정 기록",
        },
        ("밝은 화면", "어두운 화면", "시스템 설정대로"),
        "여기서는 실행하지 않음: {reason}",
        home="ko",
    ),
)
