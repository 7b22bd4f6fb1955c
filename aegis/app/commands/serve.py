"""`aegis serve`: a policy, or the whole gated controller, behind the wires of other harnesses."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from aegis.app.command import Command, Verb, add_no_options
from aegis.app.experiment import compose_or_show
from aegis.app.screen import Json, Screen


def _serve(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    composed = compose_or_show("serve", options, screen)
    if composed is None:
        return {}
    from aegis.app.serving import serve_config  # Needs websockets, which --help does not.

    return serve_config(composed, screen)


def _serve_vla_eval(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    composed = compose_or_show(_VLA_EVAL, options, screen)
    if composed is None:
        return {}
    from aegis.app.serving import serve_config  # Needs websockets, which --help does not.
    from aegis.serve.vla_eval.conventions import check_libero
    from aegis.serve.vla_eval.server import VlaEvalServer

    return serve_config(composed, screen, VlaEvalServer, check_libero)


_VLA_EVAL = "serve_vla_eval"

COMMAND = Command(
    name="serve",
    details="""
        Serves a policy, or weak and strong policies with probe and gate as if they were one, to
        clients of openpi's protocol: openpi-client as it stands, other harnesses, and runs of
        AEGIS with weak=openpi or strong=openpi. Requests of several clients are answered in
        batches. Listens on this machine only, unless there is a token. GET /healthz says OK.
    """,
    examples=(
        ("aegis serve policy=nano_strong", "at ws://127.0.0.1:8000, until Ctrl-C or SIGTERM"),
        ("aegis serve what=gated resize=true", "the gated controller, for LIBERO's 224 pixels"),
        (
            "aegis serve host=0.0.0.0 token_file=~/token certificate=cert.pem key=key.pem",
            "for other machines",
        ),
        ("aegis run strong=openpi", "the other end: a run whose strong policy is served"),
    ),
    configured=True,
    options=add_no_options,
    run=_serve,
    verbs=(
        Verb(
            name="vla-eval",
            summary="the same, as a model server of vla-eval's harness; GET /health says ok",
            examples=(
                ("aegis serve vla-eval policy=nano_strong", "for `vla-eval run`, on its LIBERO"),
                ("aegis serve vla-eval what=gated port=8001", "the gated controller"),
            ),
            run=_serve_vla_eval,
            root=_VLA_EVAL,
        ),
    ),
)
