"""Kit's checks of the revisions and models of this service. `del test_...` leaves one out."""

from kit.testing.checks import *  # noqa: F403
