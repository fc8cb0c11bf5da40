"""Texts of asyncpg and psycopg errors, without the data that they quote."""

import re

from kit._internal.error_texts import ErrorTexts

# The attribute that all errors of the drivers have.
STATE_ATTRIBUTE = "sqlstate"
# SQLSTATE class 22, "data exception": quoted texts are data.
DATA_EXCEPTION = "22"
QUOTED = re.compile(r'"[^\n]*"')


def describe_driver_error(error: BaseException) -> tuple[str, list[str]]:
    """Return the primary message of an error, then its SQLSTATE and its constraint, if any."""
    # psycopg has an object with the fields of the error, asyncpg has attributes.
    diagnosis = getattr(error, "diag", None)
    message = getattr(diagnosis, "message_primary", None) or str(error)
    state = getattr(error, STATE_ATTRIBUTE)
    if state is None:
        return message, []
    if state.startswith(DATA_EXCEPTION):
        message = QUOTED.sub("...", message)
    facts = [f"SQLSTATE {state}"]
    constraint = getattr(diagnosis or error, "constraint_name", None)
    if constraint:
        facts.append(f"constraint {constraint}")
    return message, facts


ERRORS = ErrorTexts(STATE_ATTRIBUTE, describe_driver_error)
