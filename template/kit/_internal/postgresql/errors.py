"""What the drivers of PostgreSQL know about an error."""

import re

from kit._internal.error_texts import ErrorTexts

# The attribute that all of their errors have.
STATE = "sqlstate"
# Class 22 of SQLSTATE, "data exception": all that these messages quote is data.
DATA_EXCEPTION = "22"
QUOTED = re.compile(r'"[^\n]*"')


def describe_driver_error(error: BaseException) -> tuple[str, list[str]]:
    """Return the primary message of an error, then its SQLSTATE and its constraint if any."""
    # psycopg has an object for what the server says, asyncpg attributes.
    diagnosis = getattr(error, "diag", None)
    message = getattr(diagnosis, "message_primary", None) or str(error)
    state = getattr(error, STATE)
    if state is None:
        return message, []
    if state.startswith(DATA_EXCEPTION):
        message = QUOTED.sub("...", message)
    facts = [f"SQLSTATE {state}"]
    constraint = getattr(diagnosis or error, "constraint_name", None)
    if constraint:
        facts.append(f"constraint {constraint}")
    return message, facts


ERRORS = ErrorTexts(STATE, describe_driver_error)
