"""The library on which the service is built. It belongs to the template: updates replace it.

The code of the service may import the modules in this folder, but not `_internal`, which changes
without notice.
"""
