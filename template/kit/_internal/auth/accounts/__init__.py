"""Accounts: the service's own users, who sign in with a password."""
