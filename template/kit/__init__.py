"""The library that the service uses. It belongs to the template: updates replace it.

Import the modules of this folder in your code, but not `_internal`, which changes without notice.
"""
