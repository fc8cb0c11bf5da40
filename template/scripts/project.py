"""What scripts know of the project: the one file to change when its package is renamed."""

import sys
from importlib.util import find_spec
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING

from sqlalchemy import MetaData

from kit.project import PROJECT_DIR
from kit.settings import Settings, load

if TYPE_CHECKING:
    from kit.application import Service

PACKAGE = "app"
# Each is imported when it is needed: FastAPI alone takes most of a second.
CREATE_APP = f"{PACKAGE}.main:create_app"
SETTINGS = f"{PACKAGE}.settings:Settings"
BASE = f"{PACKAGE}.models:Base"


def add_sources() -> None:
    """Have the package be found in src/ as well, where there is such a folder."""
    folder = PROJECT_DIR / "src"
    if folder.is_dir() and str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def load_settings() -> Settings:
    """Return the settings, or end the process with a line for each that is missing or wrong."""
    add_sources()
    settings_class: type[Settings] = resolve_name(SETTINGS)
    return load(settings_class)


def load_metadata() -> MetaData:
    """Return the tables of the models."""
    add_sources()
    metadata: MetaData = resolve_name(BASE).metadata
    return metadata


def create_app() -> "Service":
    """Return the service, with the settings of the environment."""
    add_sources()
    app: Service = resolve_name(CREATE_APP)()
    return app


def package_folder() -> Path:
    """Return where the code of the service is."""
    add_sources()
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise SystemExit(f"there is no package {PACKAGE}: change its name in scripts/project.py")
    return Path(spec.origin).parent
