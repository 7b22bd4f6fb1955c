"""Serving: from a configuration to a server of a policy, or of the whole gated controller."""

from __future__ import annotations

import asyncio
import atexit
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

from aegis.app.config.arm_builder import KnownParts, build_run_arm
from aegis.app.config.composition import ComposedConfig, build_target
from aegis.app.config.part_builder import build_detectors, build_policy, read_policy_nodes
from aegis.app.config.paths import resolve_paths
from aegis.app.config.settings import Settings
from aegis.app.config.shared_conventions import merge_conventions
from aegis.app.screen import Json, Screen
from aegis.core.answers import check_dimensions
from aegis.core.capabilities import SpecChecker
from aegis.core.errors import ConfigError, StuckPolicyError
from aegis.core.protocols import Policy, PolicySpec
from aegis.core.types import Embodiment, PolicyId
from aegis.fleet.run_plan import fingerprint_arm
from aegis.host.array_messages import MessageLimits
from aegis.host.wire_access import read_token, warn_of_readable_token
from aegis.records.part_identity import PartOrigins
from aegis.serve.access import Access, load_certificate
from aegis.serve.batcher import QueryBatcher
from aegis.serve.client_register import ClientRegister
from aegis.serve.gated_responder import GatedResponder, build_gated_spec
from aegis.serve.metadata import Served
from aegis.serve.openpi_server import OpenpiServer
from aegis.serve.pictures import find_largest_sizes
from aegis.serve.request import WireLayout
from aegis.serve.responder import PolicyResponder, Responder
from aegis.serve.wire_server import ServerSettings, WireServer

WHAT = ("policy", "gated")
_GATED = ("weak", "strong")
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def serve_config(
    composed: ComposedConfig,
    screen: Screen,
    make_server: Callable[[Access, ServerSettings], WireServer] = OpenpiServer,
    check_served: Callable[[Served], None] | None = None,
) -> Mapping[str, Json]:
    """Serves what a configuration names until SIGTERM or Ctrl-C; returns what was answered.

    Args:
        composed: The configuration.
        screen: Where it is told.
        make_server: Builds the server of a wire.
        check_served: Refuses what the other end of the wire would misread.

    Raises:
        AegisError: If something cannot be built, or the address cannot be listened on.
    """
    settings = Settings(composed.tree)
    access, wanted = read_access(settings), read_server_settings(settings)
    what = settings.choice("what", WHAT)
    parts = ("policy",) if what == "policy" else _GATED
    nodes = {name: settings.node(name) for name in parts}
    if what == "gated":
        nodes = read_policy_nodes(settings, parts)
    server = make_server(access, wanted)
    with ExitStack() as stack:
        policies: dict[PolicyId, Policy] = {}
        with screen.err.status("loading policies"):
            for name, node in nodes.items():
                policies[name] = build_policy(composed, name, node)
                stack.callback(policies[name].close)
        responder = build_responder(composed, policies, server.clients)
        if check_served is not None:
            check_served(responder.served)
        try:
            return asyncio.run(_serve(server, access, responder, screen))
        except StuckPolicyError:
            atexit.register(_end_process)
            raise


def _end_process() -> None:
    """Ends the process under a policy that still thinks; libraries abort where Python ends it."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(StuckPolicyError.exit_code)


def build_responder(
    composed: ComposedConfig,
    policies: Mapping[PolicyId, Policy],
    clients: ClientRegister,
) -> Responder:
    """Returns what answers clients.

    Args:
        composed: The configuration.
        policies: Its policies, by the names of their parts.
        clients: Who is connected to the server.

    Raises:
        AegisError: If the parts cannot work together, or cannot be served.
    """
    settings = Settings(composed.tree)
    for name, policy in policies.items():
        if policy.spec.privileged:
            raise ConfigError(
                f"'{name}' reads simulator truth, which no client sends. Serve a policy that looks "
                "at pictures."
            )
        if policy.spec.person:
            raise ConfigError(
                f"'{name}' is a person, whom only a robot can call. Serve a policy, or see "
                "`aegis drive`."
            )
    wait = settings.number("wait", 0.0, 1.0)
    count = clients.count_idle
    batchers = {n: QueryBatcher(one, wait, count) for n, one in policies.items()}
    embodiment = build_target(composed, "embodiment", settings.node("embodiment"))
    if not isinstance(embodiment, Embodiment):
        raise ConfigError("'embodiment' is none. Its _target_ returns aegis.core.types.Embodiment.")
    specs = {name: policy.spec for name, policy in policies.items()}
    for name, spec in specs.items():
        check_dimensions(spec, embodiment, name)
    digests = {name: spec.digest for name, spec in specs.items()}
    meant = merge_conventions(policies)
    room = read_server_settings(settings).message.size
    if "policy" in policies:
        layout = read_layout(settings, specs)
        served = Served(specs["policy"], embodiment, layout, False, room, digests, meant)
        return PolicyResponder(served, policies["policy"], batchers["policy"])
    controller, spec = _build_controller(composed, embodiment, specs)
    layout = read_layout(settings, specs)
    scores = tuple(detector.name for detector in controller.detectors)
    served = Served(spec, embodiment, layout, True, room, digests, meant, scores)
    most = settings.integer("episodes", 1)
    return GatedResponder(served, controller, policies, batchers, clients, most)


def read_access(settings: Settings) -> Access:
    """Returns where to listen, and for whom.

    Raises:
        ConfigError: If others could connect without a token, or a file cannot be read.
    """
    files = {
        name: None if settings.value(name) is None else str(resolve_paths(settings.text(name)))
        for name in ("token_file", "certificate", "key")
    }
    named = settings.value("token_variable")
    variable = None if named is None else settings.text("token_variable")
    port = settings.integer("port", 0)
    if port > 65535:
        raise ConfigError(f"'port' must be a number from 0 to 65535. Got: {port}.")
    token = read_token(files["token_file"], variable)
    tls = load_certificate(files["certificate"], files["key"])
    host = settings.text("host")
    warn_of_readable_token(f"host '{host}'", host, token, tls is not None)
    return Access(host, port, token, tls)


def read_server_settings(settings: Settings) -> ServerSettings:
    """Returns what clients may cost, and what counts for those who say no episode."""
    return ServerSettings(
        message=MessageLimits(size=settings.integer("max_bytes", 1024)),
        connections=settings.integer("max_connections", 1),
        handshake=settings.number("handshake", 0.1, 600.0),
        horizon=settings.integer("horizon", 1),
        seed=settings.integer("seed", 0),
    )


def read_layout(settings: Settings, specs: Mapping[PolicyId, PolicySpec]) -> WireLayout:
    """Returns where things stand in a request.

    Raises:
        ConfigError: If a camera of a policy has no key, or two things have one.
    """
    keys = settings.level("keys")
    cameras = sorted({camera for spec in specs.values() for camera in spec.cameras})
    for camera in cameras:
        if camera not in keys.names():
            raise ConfigError(
                f"'keys' names no key for the camera '{camera}' that a policy looks at. Got: "
                f"{', '.join(keys.names()) or 'none'}."
            )
    pictures = {camera: keys.text(camera) for camera in cameras}
    state, prompt = settings.text("state"), settings.text("prompt")
    named = [*pictures.values(), state, prompt]
    if len(set(named)) != len(named):
        raise ConfigError(f"Pictures, state and prompt need keys of their own. Got: {named}.")
    mirror, resize = settings.flag("mirror"), settings.flag("resize")
    sizes = find_largest_sizes(specs.values())
    return WireLayout(pictures, state, prompt, mirror, resize, sizes)


def _build_controller(
    composed: ComposedConfig, embodiment: Embodiment, specs: Mapping[PolicyId, PolicySpec]
) -> tuple[Any, PolicySpec]:
    """Returns the controller, and what it amounts to as a policy."""
    settings, origins = Settings(composed.tree), PartOrigins()
    detectors = build_detectors(composed, settings, origins)
    for detector in detectors:
        if isinstance(detector, SpecChecker):
            detector.check(specs["weak"])
    horizon = settings.integer("horizon", 1)
    parts = KnownParts(composed, settings, embodiment, horizon, specs, detectors, origins)
    arm = build_run_arm(parts)
    fingerprint = fingerprint_arm(arm, origins)
    spec = build_gated_spec(arm.controller, specs, fingerprint, settings.flag("resize"))
    return arm.controller, spec


async def _serve(
    server: WireServer, access: Access, responder: Responder, screen: Screen
) -> Mapping[str, Json]:
    """Serves until a signal comes."""
    over, loop = asyncio.Event(), asyncio.get_running_loop()

    def end_server(number: int) -> None:
        for one in _SIGNALS:
            loop.remove_signal_handler(one)
            # From here on one ends the process whatever policies and libraries do.
            signal.signal(one, signal.SIG_DFL)
        if over.is_set():
            signal.raise_signal(number)  # Two came before the loop saw the first.
        over.set()
        screen.print_line("ending: answers under way are still given; another signal ends at once")

    for one in _SIGNALS:
        loop.add_signal_handler(one, end_server, one)
    spec = responder.served.spec

    def say_ready(url: str) -> None:
        place = f"{url} and at this machine's other addresses" if access.is_everywhere else url
        screen.print_line(f"serving {spec.name} {spec.digest[:16]} at {place}; Ctrl-C ends")

    await server.serve_until(over, responder, say_ready)
    counts = server.counts
    sizes = sum((one.sizes for one in responder.batchers), start=type(counts)())
    screen.print_line(
        f"{counts['answered']} requests answered, {counts['refused']} refused, "
        f"{counts['connections']} connections"
    )
    return {
        "answered": counts["answered"],
        "refused": counts["refused"],
        "connections": counts["connections"],
        "batches": {str(size): count for size, count in sorted(sizes.items())},
    }
