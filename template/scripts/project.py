"""What scripts know of the project: the one file to change when its package is renamed."""

from importlib.util import find_spec
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING

from sqlalchemy import MetaData

from kit.settings import Settings, load

if TYPE_CHECKING:
    from kit.application import Service

PACKAGE = "app"
# Each is imported when it is needed: FastAPI alone takes most of a second.
CREATE_APP = f"{PACKAGE}.main:create_app"
SETTINGS = f"{PACKAGE}.settings:Settings"
BASE = f"{PACKAGE}.models:Base"


def load_settings() -> Settings:
    """Return the settings, or end the process with a line for each that is missing or wrong."""
    settings_class: type[Settings] = resolve_name(SETTINGS)
    return load(settings_class)


def load_metadata() -> MetaData:
    """Return the tables of the models."""
    metadata: MetaData = resolve_name(BASE).metadata
    return metadata


def create_app() -> "Service":
    """Return the service, with the settings of the environment."""
    app: Service = resolve_name(CREATE_APP)()
    return app


def package_folder() -> Path:
    """Return where the code of the service is."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise SystemExit(f"there is no package {PACKAGE}: change its name in scripts/project.py")
    return Path(spec.origin).parent
