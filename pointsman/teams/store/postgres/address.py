"""Where a PostgreSQL store is: an address that may hold a password, which nothing shows."""

from dataclasses import dataclass, field

from pointsman.errors import Misconfigured, MissingExtra

SCHEMA = "pointsman"
"""PostgreSQL's schema that holds the tables, unless the address names a `search_path`."""
CONNECTIONS = 8
SCHEMES = ("postgresql://", "postgres://")


@dataclass(frozen=True)
class Address:
    """One PostgreSQL database, and how many connections a process opens to it at most."""

    url: str = field(repr=False)
    connections: int = CONNECTIONS

    @property
    def parts(self) -> dict[str, str]:
        """libpq's parameters. Raises Misconfigured for an address that is none, without a word of
        it: what is not understood may be a password."""
        try:
            from psycopg import ProgrammingError
            from psycopg.conninfo import conninfo_to_dict
        except ImportError as error:
            raise MissingExtra(
                "A store in PostgreSQL needs packages that are not installed.",
                hint='pip install "pointsman[scale]"',
            ) from error
        try:
            found = conninfo_to_dict(self.url)
        except ProgrammingError:
            raise _no_address() from None
        parts = {name: str(value) for name, value in found.items() if value is not None}
        # An @ or a / of a password that is not escaped makes a host of its end.
        if "@" in parts.get("host", "") or not parts.get("port", "0").replace(",", "").isdigit():
            raise _no_address()
        return parts

    @property
    def shown(self) -> str:
        """The address as errors name it: without password and parameters."""
        parts = self.parts
        user = f"{parts['user']}@" if "user" in parts else ""
        port = f":{parts['port']}" if "port" in parts else ""
        return f"postgresql://{user}{parts.get('host', '')}{port}/{parts.get('dbname', '')}"

    @property
    def connect(self) -> dict[str, str]:
        """libpq's parameters, with a bound on how long a lost network goes unnoticed."""
        bounds = {
            "application_name": "pointsman",
            "connect_timeout": "10",
            "keepalives_idle": "10",
            "keepalives_interval": "5",
            "keepalives_count": "3",
            "tcp_user_timeout": "30000",
        }
        return {**bounds, **self.parts}

    @property
    def named_path(self) -> bool:
        """Whether the address itself says in which of PostgreSQL's schemas the tables are."""
        return "search_path" in self.parts.get("options", "")

    def hide(self, text: str) -> str:
        """The text without the password."""
        password = self.parts.get("password", "")
        return text.replace(password, "***") if password else text


def _no_address() -> Misconfigured:
    return Misconfigured(
        "POINTSMAN_STORE is no address of a PostgreSQL database.",
        hint="It looks like postgresql://user:password@host:5432/database, with % and two hex"
        " digits for what is special in a password.",
    )
