"""Policy check: chunks are well-formed and do not depend on the rest of the batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from aegis.checks.capabilities_check import check_stages
from aegis.checks.contract import NamedPlugin, extract_bits, is_count, name_plugin
from aegis.checks.world_check import draw_course
from aegis.core.capabilities import StagedPolicy
from aegis.core.protocols import Policy, PolicySpec, Query, World
from aegis.core.types import EpisodeKey, Observation, Proposal

POLICY_MEMBERS = ("spec", "propose", "close")
_NOISE_FIX = (
    "Draw with aegis.core.seeds.episode_stream(query.key, 'policy', 'noise', query.k, query.salt), "
    "and keep no state between calls"
)
"""The address names no policy: arms are paired because all policies share the noise of a tick."""

_COMPANY_FIX = (
    "With kernels that round by batch size or position, infer on one size, or on single rows"
)


def check_policy(
    policy: Policy, queries: Sequence[Query], width: int | None = None
) -> list[Proposal]:
    """Checks a policy, and closes it.

    Args:
        policy: The policy.
        queries: Two or more that it can answer, see :func:`sample_queries`.
        width: Dimensions of an action, if known.

    Returns:
        Its proposals, one per query; none of a person, who is called and proposes nothing.

    Raises:
        PluginError: If a promise is broken.
        AegisError: Whatever the policy raises on purpose.
    """
    one = name_plugin("Policy", policy, POLICY_MEMBERS)
    spec = extract_bits(policy.spec)
    _check_spec(one, policy.spec)
    if policy.spec.person:
        return []
    # Another salt is what a placebo arm asks with: the same question, other noise.
    asked = [*queries, *(replace(query, salt=1) for query in queries[:2])]
    alone, kept = [], []
    for query in asked:
        alone += _ask_policy(one, policy, [query])
        _check_proposal(one, policy.spec, query, alone[-1], width or alone[0].actions.shape[-1])
        kept.append(_extract_content(alone[-1]))
    _check_company(one, policy, asked, kept)
    if isinstance(policy, StagedPolicy):
        check_stages(one, policy, queries)
    remedy = "Return new arrays each time"
    promise = one.make_promise("propose", "a proposal is a value that stays as it is", remedy)
    now = [_extract_content(proposal) for proposal in alone]
    promise.require(now == kept, "one that changed in a later call", "a copy")
    promise = one.make_promise("spec", "it never changes", "Build it in the constructor")
    promise.require(
        extract_bits(policy.spec) == spec, "another spec after proposing", "the same spec"
    )
    # Twice: to close what is closed must do no harm.
    for _ in range(2):
        with one.guard_call("close"):
            policy.close()
    return alone[: len(queries)]


def sample_queries(
    make: Callable[[], World], keys: Sequence[EpisodeKey], spec: PolicySpec, looks: int = 3
) -> list[Query]:
    """Returns what a policy would be asked in a world under random commands.

    Args:
        make: Builds the world.
        keys: Episodes.
        spec: Of the policy; simulator truth is left out unless it says that it reads it.
        looks: Queries per episode.
    """
    world, queries = make(), []
    try:
        for key in keys:
            world.begin(key)
            commands = draw_course(world.embodiment, key, spec.execute * (looks - 1) + 1)
            seen: list[Observation] = []
            for k, command in enumerate(commands):
                if k % spec.execute == 0 or spec.history[0]:
                    obs = world.observe(spec.cameras)
                    seen.append(replace(obs, privileged=obs.privileged if spec.privileged else {}))
                if k % spec.execute == 0:
                    past = tuple(seen[max(k - back, 0)] for back in spec.history if back)
                    queries.append(Query(key, k, seen[-1], past=past))
                if world.apply(command).done:
                    break
    finally:
        world.close()
    return queries


def _ask_policy(one: NamedPlugin, policy: Policy, queries: Sequence[Query]) -> list[Proposal]:
    with one.guard_call("propose"):
        answers = policy.propose(list(queries))
    promise = one.make_promise("propose", "one proposal per query", "Return a list, in order")
    good = isinstance(answers, list) and len(answers) == len(queries)
    given = f"{len(answers)} in a {type(answers).__name__}" if hasattr(answers, "__len__") else "?"
    promise.require(good, given, f"a list of {len(queries)}")
    promise = one.make_promise("propose", "it proposes", "Return aegis.core.types.Proposal")
    for answer in answers:
        promise.require(isinstance(answer, Proposal), type(answer).__name__, "a Proposal")
    return [answer for answer in answers if answer is not None]


def _check_spec(one: NamedPlugin, spec: PolicySpec) -> None:
    promise = one.make_promise(
        "spec", "it is a PolicySpec", "Return aegis.core.protocols.PolicySpec"
    )
    promise.require(isinstance(spec, PolicySpec), type(spec).__name__, "a PolicySpec")
    promise = one.make_promise("spec", "name and digest say who it is", "Hash weights and settings")
    good = all(isinstance(text, str) and text for text in (spec.name, spec.digest))
    promise.require(good, (spec.name, spec.digest), "texts that are not empty")
    promise = one.make_promise(
        "spec", "chunks are executed whole or in part", "Set horizon and execute"
    )
    good = is_count(spec.execute, 1) and is_count(spec.horizon, spec.execute)
    given = f"execute {spec.execute!r}, horizon {spec.horizon!r}"
    promise.require(good, given, "1 <= execute <= horizon")
    promise = one.make_promise("spec", "actions have dimensions", "Set dimensions, or leave it out")
    good = spec.dimensions is None or is_count(spec.dimensions, 1)
    promise.require(good, spec.dimensions, "a number of at least 1, or None")
    promise = one.make_promise("spec", "it looks at the present, and back", "Set history")
    good = all(is_count(back, 0) for back in spec.history) and spec.history[-1:] == (0,)
    good = good and list(spec.history) == sorted(set(spec.history), reverse=True)
    promise.require(good, spec.history, "ticks back, falling, the last one 0")
    promise = one.make_promise("spec", "cameras have sizes, taps have widths", "Give positive ints")
    sizes = [size for pair in spec.cameras.values() for size in pair]
    good = all(len(pair) == 2 for pair in spec.cameras.values())
    good = good and all(is_count(n, 1) for n in [*sizes, *spec.taps.values()])
    given = f"cameras {dict(spec.cameras)}, taps {dict(spec.taps)}"
    promise.require(good, given, "name to (height, width), and name to width")


def _check_proposal(
    one: NamedPlugin, spec: PolicySpec, query: Query, proposal: Proposal, width: int
) -> None:
    promise = one.make_promise("propose", "a proposal says whose it is", "Stamp spec.name on it")
    promise.require(proposal.policy == spec.name, f"'{proposal.policy}'", f"'{spec.name}'")
    promise = one.make_promise(
        "propose", "k0 is the tick that was looked at", "Stamp query.k on it"
    )
    promise.require(proposal.k0 == query.k, f"{proposal.k0}", f"{query.k}")
    shape, actions = (spec.horizon, width), proposal.actions
    remedy = "Return spec.horizon rows, one column per dimension of the robot's action"
    promise = one.make_promise("propose", "actions are float32, of one shape", remedy)
    good = actions.dtype == np.float32 and actions.shape == shape
    promise.require(good, f"{actions.dtype} of shape {actions.shape}", f"float32 of shape {shape}")
    promise = one.make_promise("propose", "actions are finite", "Raise NonFiniteError on bad input")
    promise.require(np.isfinite(actions).all(), "NaN or infinity", "finite numbers")
    remedy = "Report the layers of spec.taps, pooled over the chunk"
    promise = one.make_promise("propose", "features are as spec.taps says", remedy)
    forms = {name: (array.dtype.name, array.shape) for name, array in proposal.features.items()}
    wanted = {name: ("float32", (size,)) for name, size in spec.taps.items()}
    promise.require(forms == wanted, forms, str(wanted))
    if proposal.samples is not None:
        promise = one.make_promise("propose", "samples are more draws of the chunk", "Stack them")
        form = proposal.samples.shape
        promise.require(len(form) == 3 and form[1:] == shape, form, f"(n, {shape[0]}, {shape[1]})")


def _check_company(
    one: NamedPlugin, policy: Policy, queries: Sequence[Query], alone: Sequence[object]
) -> None:
    """Bits must not depend on when a row is asked for, with whom, or at which place."""
    n = len(queries)
    promise = one.make_promise("propose", "asked again, it answers the same", _NOISE_FIX)
    again = [_extract_content(_ask_policy(one, policy, [query])[0]) for query in queries]
    promise.require(again == list(alone), "another proposal", "the same bits")
    promise = one.make_promise("propose", "a row never depends on its companions", _COMPANY_FIX)
    # Whole, turned round, shifted and twice over: other places, other companions, another batch
    # size.
    orders = (list(range(n)), list(range(n))[::-1], [*range(1, n), 0], [*range(n), *range(n)])
    for order in orders:
        answers = _ask_policy(one, policy, [queries[i] for i in order])
        for place, (i, answer) in enumerate(zip(order, answers, strict=True)):
            given = f"other bits at place {place} of {len(order)} than alone"
            promise.require(_extract_content(answer) == alone[i], given, "the same bits as alone")


def _extract_content(proposal: Proposal) -> object:
    """What must be repeated: all but how long it took."""
    return extract_bits(replace(proposal, latency=0))
