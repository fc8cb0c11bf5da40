"""Kit's checks of the revisions, models and routes of this service.

`skip` of TestedService, in conftest.py, leaves one out.
"""

from kit.testing.checks import *  # noqa: F403
