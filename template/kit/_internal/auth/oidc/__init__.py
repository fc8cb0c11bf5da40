"""Authentication by access tokens of an OpenID Connect provider. See settings.py."""
