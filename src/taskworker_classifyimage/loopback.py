"""Whether a host is this machine."""

import ipaddress


def is_loopback(host: str) -> bool:
    """Whether a host name or address, without brackets, always means this machine."""
    try:
        name = host.lower().removesuffix(".")
        # RFC 6761, section 6.3: so does every name below it.
        return (
            name == "localhost"
            or name.endswith(".localhost")
            or ipaddress.ip_address(host).is_loopback
        )
    except ValueError:
        return False
