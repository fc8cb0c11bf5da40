"""The library below the service: it belongs to the template, and an update replaces it.

What app/, migrations/ and tests/ may import are the modules beside this one. `_internal` is not
for them: it changes without notice.
"""
