"""The parameters of DATABASE_URL that libpq knows, and those that asyncpg supports."""

import re
from collections.abc import Mapping

CREDENTIALS = ("user", "password", "dbname", "sslpassword")
# Parameters of libpq (PostgreSQL manual, "Parameter Key Words") that asyncpg has, too;
SHARED_PARAMETERS = """
    application_name client_encoding gsslib host krbsrvname load_balance_hosts options passfile
    service sslcert sslcrl sslkey sslmode sslnegotiation sslrootcert ssl_max_protocol_version
    ssl_min_protocol_version target_session_attrs
""".split()  # noqa: SIM905
# those that only libpq has, and that the service may safely ignore;
LIBPQ_PARAMETERS = """
    channel_binding connect_timeout fallback_application_name gssdelegation gssencmode keepalives
    keepalives_count keepalives_idle keepalives_interval max_protocol_version min_protocol_version
    sslcertmode sslcompression sslsni tcp_user_timeout
""".split()  # noqa: SIM905
# those that asyncpg cannot obey, and that would mean another server or less security if ignored.
DEMANDING_PARAMETERS = """
    hostaddr oauth_client_id oauth_client_secret oauth_issuer oauth_scope replication require_auth
    requirepeer scram_client_key scram_server_key sslcrldir sslkeylogfile
""".split()  # noqa: SIM905
# Parameters of which asyncpg supports only these values.
SUPPORTED_VALUES = {
    "channel_binding": {"disable", "prefer"},
    "gssencmode": {"disable", "prefer"},
    "min_protocol_version": {"3.0"},
    "sslcertmode": {"allow"},
}
CHOICES = {
    "load_balance_hosts": ("disable", "random"),
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "sslnegotiation": ("postgres", "direct"),
    "target_session_attrs": (
        ("any", "read-write", "read-only", "primary", "standby", "prefer-standby")
    ),
}


def check_asyncpg_supports(query: Mapping[str, str | tuple[str, ...]]) -> None:
    """Raise ValueError for a parameter or value that asyncpg does not support."""
    for name, text in query.items():
        if name in DEMANDING_PARAMETERS:
            raise ValueError(f"has {name}, which the driver asyncpg does not support")
        if name in SUPPORTED_VALUES and text not in SUPPORTED_VALUES[name]:
            supported = " and ".join(sorted(SUPPORTED_VALUES[name]))
            raise ValueError(f"has {name}, of which the driver asyncpg supports only {supported}")


def unknown_parameters(query: Mapping[str, str]) -> list[str]:
    """Return the parameters that libpq does not know."""
    known = {*SHARED_PARAMETERS, *LIBPQ_PARAMETERS, *DEMANDING_PARAMETERS, *CREDENTIALS}
    return sorted(query.keys() - known)


def check_parameters(query: Mapping[str, str]) -> None:
    """Raise ValueError for a parameter or value that libpq or the service refuses."""
    unknown = unknown_parameters(query)
    if unknown:
        raise ValueError(f"has parameters that PostgreSQL does not know: {', '.join(unknown)}")
    for name, choices in CHOICES.items():
        if query.get(name, choices[0]) not in choices:
            article = "a"
            if name.startswith("ssl"):
                article = "an"
            raise ValueError(f"has {article} {name} that is none of {', '.join(choices)}")
    if query.get("sslrootcert") == "system":
        raise ValueError("has sslrootcert=system: name the file of the certificates instead")
    if "sslpassword" in query:
        raise ValueError("has sslpassword, which messages would show: use a key without a password")
    encoding = query.get("client_encoding", "utf8")
    if re.sub(r"[-_]", "", encoding).lower() not in {"utf8", "unicode"}:
        raise ValueError("has a client_encoding other than UTF8")
