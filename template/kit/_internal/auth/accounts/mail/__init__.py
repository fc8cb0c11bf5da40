"""Mail to users: what it says, and how it is sent in the background. See sending.py."""
