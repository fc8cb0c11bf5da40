"""The library below the service: it belongs to the template, and an update replaces it.

The code of the service imports the modules beside this one. `_internal` is not for it: it changes
without notice.
"""
