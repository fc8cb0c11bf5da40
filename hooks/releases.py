"""The hooks of the releases that need one, oldest first."""
