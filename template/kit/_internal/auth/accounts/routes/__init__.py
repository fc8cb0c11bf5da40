"""The routes of accounts, below /auth: see router.py."""
