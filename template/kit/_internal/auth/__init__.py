"""Authentication: who calls a route, and what they may do. See interface.py and chosen.py."""
