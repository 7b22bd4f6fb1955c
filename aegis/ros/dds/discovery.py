"""Discovery: what the environment variables of ROS 2 say, as a configuration of Cyclone DDS."""

from __future__ import annotations

from collections.abc import Mapping
from xml.sax.saxutils import quoteattr

from aegis.core.errors import ConfigError

_HIGHEST_DOMAIN = 232
_RANGES = ("SUBNET", "LOCALHOST", "SYSTEM_DEFAULT")
_HERE = "127.0.0.1"


def read_domain(environment: Mapping[str, str]) -> int:
    """Returns the number of the domain.

    Args:
        environment: Environment variables.

    Raises:
        ConfigError: If it is none.
    """
    given = environment.get("ROS_DOMAIN_ID") or "0"
    if not given.isdecimal() or int(given) > _HIGHEST_DOMAIN:
        raise ConfigError(f"ROS_DOMAIN_ID is '{given}'; allowed: 0 to {_HIGHEST_DOMAIN}")
    return int(given)


def build_configuration(environment: Mapping[str, str]) -> str:
    """Returns the configuration; what ``CYCLONEDDS_URI`` names comes last, and wins.

    Args:
        environment: Environment variables.

    Raises:
        ConfigError: If ROS 2 is told to find others in a way that cannot be followed.
    """
    reach = environment.get("ROS_AUTOMATIC_DISCOVERY_RANGE") or "SUBNET"
    if environment.get("ROS_LOCALHOST_ONLY") == "1":
        reach = "LOCALHOST"
    if reach not in _RANGES:
        raise ConfigError(
            f"ROS_AUTOMATIC_DISCOVERY_RANGE is '{reach}'; over cyclonedds allowed: "
            f"{', '.join(_RANGES)}"
        )
    peers = [peer for peer in environment.get("ROS_STATIC_PEERS", "").split(";") if peer]
    if peers and reach != "SUBNET":
        raise ConfigError(
            f"ROS_STATIC_PEERS is set, and the discovery range is {reach}: over cyclonedds they "
            "are asked only with SUBNET. Change either, or name them in CYCLONEDDS_URI"
        )
    parts = [_write_discovery(reach, peers), environment.get("CYCLONEDDS_URI", "")]
    return ",".join(filter(None, parts))


def _write_discovery(reach: str, peers: list[str]) -> str:
    """Returns the part of the configuration that says who is looked for, and where."""
    if reach == "SYSTEM_DEFAULT":
        return ""
    general = ""
    if reach == "LOCALHOST":
        # Nobody is found by multicast on the loopback interface.
        general = (
            "<General><Interfaces><NetworkInterface name='lo'/></Interfaces>"
            "<AllowMulticast>false</AllowMulticast></General>"
        )
        peers = [_HERE]
    names = "".join(f"<Peer address={quoteattr(peer)}/>" for peer in peers)
    return (
        f"<CycloneDDS><Domain>{general}<Discovery><ParticipantIndex>auto</ParticipantIndex>"
        "<MaxAutoParticipantIndex>32</MaxAutoParticipantIndex>"
        f"{f'<Peers>{names}</Peers>' if names else ''}</Discovery></Domain></CycloneDDS>"
    )
