"""`python -m app` serves the API; `--reload` reloads it when its code changes."""

from app.settings import Settings
from kit.serving import main

if __name__ == "__main__":
    main("app.main:create_app", Settings)
