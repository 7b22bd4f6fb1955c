"""All that is shipped keeps its promises, and what breaks one is caught with a useful message."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from aegis.core.errors import PluginError
from aegis.core.protocols import Context, Detector, Gate, Outcome, Policy, PolicySpec, Query, Switch
from aegis.core.types import (
    Command,
    EpisodeKey,
    Level,
    Observation,
    Proposal,
    Score,
    Verdict,
)
from aegis.detectors.activation import ActivationProbe
from aegis.detectors.fit import fit_probe
from aegis.gates.bernoulli import RandomGate
from aegis.gates.conformal import ConformalGate
from aegis.gates.constant import AlwaysGate, NeverGate
from aegis.gates.gain import GainGate
from aegis.gates.rescue import RescueGate
from aegis.gates.schedule import ScheduleGate
from aegis.gates.stint import StintGate
from aegis.gates.switch import HysteresisSwitch
from aegis.run.check import (
    check_detector,
    check_gate,
    check_policy,
    check_switch,
    check_world,
    sample_queries,
)
from envs.libero.world import LiberoWorld
from envs.robosuite import RobosuiteWorld
from policies.expert import ScriptedExpert
from policies.nano_vla.policy import NanoVLA
from policies.replay import ReplayPolicy, save_trace
from tests.detectors.data import rollouts
from tests.fakes import KEY, FakeDetector, ToyPolicy, ToyWorld, proposal, toy_key, toy_observation
from tests.policies.nano_vla_fixtures import query, save_tiny
from tests.run.toyrun import NanPolicy, SharedDraws, TrunkDetector

NAN = float("nan")
EYE = {"eye": (12, 16)}
LIBERO = EpisodeKey(7, "libero_spatial", 0, "wide", 1)


def toy_queries(policy: Policy) -> list[Query]:
    return sample_queries(ToyWorld, [toy_key(1), toy_key(2)], policy.spec)


def toy_cases(policy: Policy) -> list[tuple[Proposal, Observation]]:
    queries = toy_queries(policy)
    return [(policy.propose([query])[0], query.obs) for query in queries]


# --- What is shipped --------------------------------------------------------------------------


def test_toy_world_and_policies() -> None:
    check_world(ToyWorld, KEY)
    check_world(partial(ToyWorld, horizon=1), KEY, EYE)
    for weak in (True, False):
        policy = ToyPolicy("one", weak=weak, cameras=EYE)
        chunks = check_policy(policy, toy_queries(policy), width=3)
        assert [chunk.k0 for chunk in chunks] == [0, 4, 8, 0, 4, 8]
        assert policy.closed


def test_libero_world_and_the_scripted_expert() -> None:
    make = partial(LiberoWorld, "libero_spatial", "builtin", 10)
    check_world(make, LIBERO, {"wrist": (16, 24)})
    expert = ScriptedExpert("expert")
    check_policy(expert, sample_queries(make, [LIBERO], expert.spec), width=7)


def test_robosuite_world() -> None:
    key = EpisodeKey(7, "robosuite", 0, "wide", 1)
    check_world(partial(RobosuiteWorld, "robosuite", "Lift", 10), key, {"agentview": (16, 24)})


@pytest.mark.parametrize("samples", [0, 2])
def test_nano_vla(samples: int, tmp_path: Path) -> None:
    policy = NanoVLA("weak", save_tiny(tmp_path / "tiny.safetensors"), batch=4, samples=samples)
    check_policy(policy, [query(i, k=5 * i) for i in range(5)], width=7)


def test_replay(tmp_path: Path) -> None:
    done = np.arange(84, dtype=np.float32).reshape(12, 7)
    save_trace(tmp_path / "trace.npz", {query(1).key: done, query(2).key: -done})
    policy = ReplayPolicy("replay", str(tmp_path / "trace.npz"), horizon=4, execute=2)
    check_policy(policy, [query(1, k=0), query(2, k=2), query(1, k=10)])


def test_activation_probe() -> None:
    probe = fit_probe(
        rollouts(), rollouts("calibration"), kind="logistic", alpha=0.1, guard=0.2, root=1,
        windows=(1.0,),
    )  # fmt: skip
    rows = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)
    actions = np.zeros((8, 3), np.float32)
    chunks = [Proposal("weak", 4 * i, actions, {"trunk": row}) for i, row in enumerate(rows)]
    check_detector(ActivationProbe(probe), KEY, [(c, toy_observation(c.k0)) for c in chunks])


@pytest.mark.parametrize("detector", [FakeDetector(), TrunkDetector()])
def test_fake_detectors(detector: Detector) -> None:
    if isinstance(detector, FakeDetector):
        cases = [(proposal("weak", k, risk=k / 9), toy_observation(k)) for k in (0, 4, 8)]
    else:
        cases = toy_cases(ToyPolicy("weak", weak=True))
    check_detector(detector, KEY, cases)


@pytest.mark.parametrize(
    "gate",
    [
        NeverGate(),
        AlwaysGate(),
        ConformalGate(threshold=0.5),
        ConformalGate(threshold=-3.0, guard_fraction=0.0, fires_fraction=1.0),
        ConformalGate(threshold=0.5, score="detector 0"),
        ConformalGate(threshold=0.5, score="nobody"),
        GainGate(0.1, (0, 100), (1.0, 0.0), 0.02),
        GainGate(0.0, (0,), (0.5,), 0.5, guard_fraction=0.3, fires_fraction=0.02, score="nobody"),
        RescueGate(0.1, "risk", "rescue"),
        RescueGate(-0.9, "a", "b", guard_fraction=0.3, fires_fraction=0.02),
        StintGate(20, 70, (2, 4)),
        ScheduleGate(start_tick=20, holds=(2, 3), period=30),
        ScheduleGate(start_tick=0, holds=(1,), order="cycle"),
        RandomGate(rate=0.3, holds=(2, 4)),
    ],
    ids=repr,
)
def test_gates(gate: Gate) -> None:
    check_gate(gate, KEY)


@pytest.mark.parametrize(
    "switch",
    [
        HysteresisSwitch(release=0.3),
        HysteresisSwitch(release=0.3, hold_chunks=1, max_chunks=4, threshold=0.5),
        HysteresisSwitch(release=0.3, score="detector 0"),
        HysteresisSwitch(release=-np.inf),
    ],
    ids=repr,
)
def test_switches(switch: Switch) -> None:
    check_switch(switch, KEY)


# --- Worlds that break a promise --------------------------------------------------------------


class Draws(ToyWorld):
    """Draws its start from a generator that goes on from episode to episode."""

    rng = np.random.default_rng(0)

    def begin(self, key: EpisodeKey) -> None:
        super().begin(key)
        self._at = self.rng.uniform(-0.2, 0.2, 2)


class Drifts(ToyWorld):
    rng = np.random.default_rng(0)

    def apply(self, command: Command) -> Outcome:
        self._at = self._at + self.rng.normal(0, 1e-9, 2)
        return super().apply(command)


class Nudges(ToyWorld):
    """Looking moves the point."""

    def observe(self, cameras: Mapping[str, tuple[int, int]]) -> Observation:
        self._at = self._at + 1e-9
        return super().observe(cameras)


class Leaks(ToyWorld):
    """Looking leaves a trace that shows only later."""

    looks = 0

    def begin(self, key: EpisodeKey) -> None:
        super().begin(key)
        self.looks = 0

    def observe(self, cameras: Mapping[str, tuple[int, int]]) -> Observation:
        self.looks += 1
        return super().observe(cameras)

    def apply(self, command: Command) -> Outcome:
        self._at = self._at + 1e-9 * self.looks
        return super().apply(command)


class Shares(ToyWorld):
    """Gives away the array that it goes on writing to."""

    def observe(self, cameras: Mapping[str, tuple[int, int]]) -> Observation:
        self.seen = getattr(self, "seen", np.zeros(2, np.float32))
        self.seen.setflags(write=True)
        self.seen[:] = self._at
        return replace(super().observe(cameras), proprio=self.seen[:])


class SharesView(Shares):
    """The same behind a view, which stays read-only."""

    def observe(self, cameras: Mapping[str, tuple[int, int]]) -> Observation:
        self.buffer = getattr(self, "buffer", np.zeros(2, np.float32))
        self.buffer[:] = self._at
        return replace(ToyWorld.observe(self, cameras), proprio=self.buffer[:])


class Writeable(ToyWorld):
    def observe(self, cameras: Mapping[str, tuple[int, int]]) -> Observation:
        obs = super().observe(cameras)
        obs.proprio.setflags(write=True)
        return obs


class AllCameras(ToyWorld):
    def observe(self, cameras: Mapping[str, tuple[int, int]]) -> Observation:
        return super().observe({"other": (4, 4), **cameras})


class Sideways(ToyWorld):
    def _picture(self, height: int, width: int) -> np.ndarray:
        return super()._picture(width, height)


class Double(ToyWorld):
    def observe(self, cameras: Mapping[str, tuple[int, int]]) -> Observation:
        return replace(super().observe(cameras), proprio=self._at.copy())


class Blank(ToyWorld):
    def observe(self, cameras: Mapping[str, tuple[int, int]]) -> Observation:
        return replace(super().observe(cameras), proprio=np.full(2, NAN, np.float32))


class FloatStamp(ToyWorld):
    def observe(self, cameras: Mapping[str, tuple[int, int]]) -> Observation:
        return replace(super().observe(cameras), stamp=0.05 * self._k)


class Endless(ToyWorld):
    def apply(self, command: Command) -> Outcome:
        self._done = False
        return replace(super().apply(command), done=False)


class OneStart(ToyWorld):
    def begin(self, key: EpisodeKey) -> None:
        super().begin(replace(key, index=0))


class Halfblind(ToyWorld):
    """Its digest leaves out where the point is."""

    def digest(self) -> str:
        return hashlib.sha256(self._goal.tobytes()).hexdigest()


class NumpyBools(ToyWorld):
    def apply(self, command: Command) -> Outcome:
        outcome = super().apply(command)
        return Outcome(np.bool_(outcome.success), outcome.done)


class Writes(ToyWorld):
    def apply(self, command: Command) -> Outcome:
        command.action[0] *= 0.5
        return super().apply(command)


class Restless(ToyWorld):
    lengths = iter(range(60, 100))

    @property
    def horizon(self) -> int:
        return next(self.lengths)


class NoDigest:
    embodiment = horizon = begin = observe = apply = close = None


@pytest.mark.parametrize(
    ("world", "says"),
    [
        (Draws, "World.begin of Draws: equal keys start alike. Got: another digest in the same"),
        (Drifts, "World.apply of Drifts: equal starts and commands go the same way. Got: a diff"),
        (Nudges, "World.observe of Nudges: it changes nothing. Got: another digest after looking"),
        (Leaks, "World.observe of Leaks: looking does not change what follows. Got: a difference"),
        (Shares, "World.observe of Shares: an observation is a value that stays as it is. Got"),
        (SharesView, "World.observe of SharesView: an observation is a value that stays as it is"),
        (Writeable, "World.observe of Writeable: arrays are read-only. Got: a writeable one."),
        (AllCameras, "it renders just the given cameras. Got: ['eye', 'other']. Allowed: ['eye']"),
        (Sideways, "a picture is as asked for. Got: 'eye' uint8 of shape (16, 12, 3). Allowed: ui"),
        (Double, "proprio is a finite float32 vector. Got: float64 of shape (2,). Allowed: float"),
        (Blank, "proprio is a finite float32 vector. Got: [nan nan]. Allowed: finite numbers."),
        (FloatStamp, "stamp is a time. Got: 0.0. Allowed: an int of nanoseconds. Use int(...)."),
        (Endless, "it is done at the horizon. Got: done=False after 60 commands. Allowed: done=Tr"),
        (OneStart, "another index is another start state. Got: one start state for all of toy/0/"),
        (Halfblind, "it tells different states apart. Got: one digest over 8 random commands."),
        (NumpyBools, "World.apply of NumpyBools: it answers an Outcome. Got: Outcome(success=np"),
        (Writes, "raises nothing in an ordinary call. Got: ValueError: assignment destination is"),
        (Restless, "it is the longest episode, always the same. Got: "),
        (NoDigest, "World.digest of NoDigest: it has this member. Got: none. Allowed: see aegis/c"),
    ],
)
def test_a_broken_world_is_caught(world: type[ToyWorld], says: str) -> None:
    with pytest.raises(PluginError, match=re.escape(says)) as caught:
        check_world(world, toy_key(3), EYE)
    assert caught.value.exit_code == 2


# --- Policies that break a promise ------------------------------------------------------------


class Changed(ToyPolicy):
    """A toy policy whose proposals are passed through a function of (place, chunk)."""

    def __init__(self, change: Callable[[int, Proposal], Proposal], **spec: object) -> None:
        super().__init__("one", weak=True)
        self._change = change
        self._spec = replace(self._spec, **spec)

    def propose(self, queries: Sequence[Query]) -> list[Proposal]:
        chunks = ToyPolicy("one", weak=True).propose(queries)
        return [self._change(place, chunk) for place, chunk in enumerate(chunks)]


class Averages(ToyPolicy):
    def propose(self, queries: Sequence[Query]) -> list[Proposal]:
        chunks = super().propose(queries)
        mean = np.mean([chunk.actions for chunk in chunks], axis=0).astype(np.float32)
        return [replace(chunk, actions=mean.copy()) for chunk in chunks]


class Reuses(ToyPolicy):
    """Writes each chunk into the array of the one before."""

    def propose(self, queries: Sequence[Query]) -> list[Proposal]:
        self.buffer = getattr(self, "buffer", np.zeros((8, 3), np.float32))
        chunks = super().propose(queries)
        if len(chunks) > 1:
            return chunks
        self.buffer[:] = chunks[0].actions
        return [replace(chunks[0], actions=self.buffer[:])]


class Turned(ToyPolicy):
    def propose(self, queries: Sequence[Query]) -> list[Proposal]:
        return super().propose(queries)[::-1]


class Short(ToyPolicy):
    def propose(self, queries: Sequence[Query]) -> list[Proposal]:
        return super().propose(queries)[:1]


class Peeks(ToyPolicy):
    """Reads simulator truth without saying so."""

    def __init__(self, name: str, **kwargs: bool) -> None:
        super().__init__(name, **kwargs)
        self._spec = replace(self._spec, privileged=False)


class ClosesOnce(ToyPolicy):
    def close(self) -> None:
        assert not self.closed, "closed twice"
        super().close()


class OtherSpec(ToyPolicy):
    @property
    def spec(self) -> PolicySpec:
        self.count = getattr(self, "count", 0) + 1
        return replace(self._spec, digest=str(self.count))


def by_place(place: int, chunk: Proposal) -> Proposal:
    return replace(chunk, actions=chunk.actions + np.float32(1e-6 * place))


def changed(**changes: object) -> Callable[[int, Proposal], Proposal]:
    return lambda place, chunk: replace(chunk, **changes)


ZEROS = np.zeros((8, 3), np.float32)


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        (SharedDraws("one", weak=True), "asked again, it answers the same. Got: another proposal"),
        (Averages("one", weak=True), "a row never depends on its companions. Got: other bits at p"),
        (Changed(by_place), "a row never depends on its companions. Got: other bits at place 1 of"),
        (Reuses("one", weak=True), "a proposal is a value that stays as it is. Got: one that chan"),
        (Turned("one", weak=True), "a row never depends on its companions. Got: other bits at pl"),
        (Short("one", weak=True), "Policy.propose of Short: one proposal per query. Got: 1 in a l"),
        (Peeks("one", weak=True), "raises nothing in an ordinary call. Got: KeyError: 'hard'."),
        (ClosesOnce("one", weak=True), "Policy.close of ClosesOnce: raises nothing in an ordinary"),
        (OtherSpec("one", weak=True), "it never changes. Got: another spec after proposing."),
        (NanPolicy("one", 0, 9, weak=True), "actions are finite. Got: NaN or infinity. Allowed: "),
        (Changed(changed(policy="two")), "says whose it is. Got: 'two'. Allowed: 'one'. Stamp sp"),
        (Changed(changed(k0=99)), "k0 is the tick that was looked at. Got: 99. Allowed: 0. Stamp"),
        (Changed(changed(actions=ZEROS[:4])), "Got: float32 of shape (4, 3). Allowed: float32 of"),
        (Changed(changed(actions=ZEROS.astype(float))), "Got: float64 of shape (8, 3). Allowed: "),
        (Changed(changed(actions=np.zeros((8, 2), np.float32))), "shape (8, 2). Allowed: float32"),
        (Changed(changed(features={})), "features are as spec.taps says. Got: {}. Allowed: {'tru"),
        (Changed(changed(), taps={"trunk": 5}), "{'trunk': ('float32', (4,))}. Allowed: {'trunk'"),
        (Changed(changed(samples=ZEROS)), "samples are more draws of the chunk. Got: (8, 3). Al"),
        (Changed(changed(), execute=9), "Got: execute 9, horizon 8. Allowed: 1 <= execute <= hor"),
        (Changed(changed(), digest=""), "name and digest say who it is. Got: ('one', ''). Allow"),
        (Changed(changed(), taps={"trunk": 0}), "cameras have sizes, taps have widths. Got: came"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else type(value).__name__,
)
def test_a_broken_policy_is_caught(policy: Policy, says: str) -> None:
    good = ToyPolicy("one", weak=True).spec
    queries = toy_queries(ToyPolicy("one", weak=True))
    if not policy.spec.privileged:
        queries = sample_queries(ToyWorld, [toy_key(1)], replace(good, privileged=False))
    with pytest.raises(PluginError, match=re.escape(says)):
        check_policy(policy, queries, width=3)


# --- Rules that break a promise ---------------------------------------------------------------


@dataclass(frozen=True)
class Counts(FakeDetector):
    """Keeps its state inside."""

    name: str = "counts"
    seen: list[int] = field(default_factory=list)

    def update(self, state: int, proposal: Proposal | None, obs: Observation) -> tuple[int, Score]:
        self.seen.append(1)
        value = NAN if proposal is None else float(len(self.seen))
        return state, Score(self.name, value)


class Appends(FakeDetector):
    """Changes the state that it is given."""

    def start(self, key: EpisodeKey) -> list[float]:
        return []

    def update(self, state: list, proposal: Proposal | None, obs: Observation) -> tuple:
        state.append(0.0)
        return state, Score(self.name, NAN if proposal is None else 0.0)


class Optimist(FakeDetector):
    def update(self, state: int, proposal: Proposal | None, obs: Observation) -> tuple[int, Score]:
        return state, Score(self.name, 0.0)


class Nameless(FakeDetector):
    def update(self, state: int, proposal: Proposal | None, obs: Observation) -> tuple[int, Score]:
        return state, Score("other", NAN)


@pytest.mark.parametrize(
    ("detector", "says"),
    [
        (Counts(), "Detector.update of Counts: equal state and input give equal answers. Got: Sco"),
        (Appends(), "the state that it is given stays as it is. Got: one that changed. Allowed: a"),
        (Optimist(), "without a proposal the score is NaN. Got: 0.0. Allowed: nan. Answer Score("),
        (Nameless(), "it answers a Score under its name. Got: Score(detector='other', value=nan)"),
        (FakeDetector(""), "it is the name of its score. Got: ''. Allowed: a text that is not em"),
        (object(), "Detector.name of object: it has this member. Got: none."),
    ],
    ids=lambda value: None if isinstance(value, str) else type(value).__name__,
)
def test_a_broken_detector_is_caught(detector: Detector, says: str) -> None:
    cases = [(proposal("weak", k, risk=0.1), toy_observation(k)) for k in (0, 4, 8)]
    with pytest.raises(PluginError, match=re.escape(says)):
        check_detector(detector, KEY, cases)


class Compares(ConformalGate):
    """Forgets that NaN > threshold is False."""

    def judge(self, state: None, scores: Sequence[Score], context: Context) -> tuple:
        high = context.k >= 40 and any(score.value > self.threshold for score in scores)
        return None, Verdict(Level.ESCALATE if high else Level.STAY, "")


class Silent(ConformalGate):
    """Takes no score for a good sign."""

    def judge(self, state: None, scores: Sequence[Score], context: Context) -> tuple:
        return super().judge(state, scores or (Score("none", -9.0),), context)


class Patient(ConformalGate):
    """Fires on the second alarm in a row; unknown risk does not count as one."""

    def start(self, key: EpisodeKey) -> int:
        return 0

    def judge(self, state: int, scores: Sequence[Score], context: Context) -> tuple:
        count = state + 1 if any(score.value > self.threshold for score in scores) else 0
        return count, Verdict(Level.ESCALATE if count >= 2 else Level.STAY, "")


class Hopeful(RescueGate):
    """Takes an unknown chance of rescue for a small one, and stays."""

    def judge(self, state: None, scores: Sequence[Score], context: Context) -> tuple:
        known = [s for s in scores if s.detector == self.risk or s.value == s.value]
        one = known if len(known) == len(scores) else [*known, Score(self.rescue, 0.0)]
        return super().judge(state, one, context)


class Once(NeverGate):
    """Remembers in itself that it has been asked."""

    asked: list[int] = []  # noqa: RUF012

    def judge(self, state: None, scores: Sequence[Score], context: Context) -> tuple:
        self.asked.append(context.k)
        return None, Verdict(Level.STAY, str(len(self.asked)))


class PlainInt(NeverGate):
    def judge(self, state: None, scores: Sequence[Score], context: Context) -> tuple:
        return None, Verdict(0, "")


class NoHold(NeverGate):
    def judge(self, state: None, scores: Sequence[Score], context: Context) -> tuple:
        return None, Verdict(Level.ESCALATE, "", 0)


@pytest.mark.parametrize(
    ("gate", "says"),
    [
        (Compares(0.5), "is risk. Got: STAY on [nan] at tick 40 of 200. Allowed: ESCALATE, as for"),
        (Silent(0.5), "is risk. Got: STAY on [] at tick 40 of 200. Allowed: ESCALATE, as for a sc"),
        (Patient(0.5), "Gate.judge of Patient: NaN, or no score where scores are needed, is risk"),
        (
            Hopeful(0.5, "a", "b"),
            "is risk. Got: STAY on [-1000000000.0, nan] at tick 0 of 200. All",
        ),
        (Once(), "Gate.judge of Once: equal state and input give equal answers. Got: Verdict("),
        (PlainInt(), "it answers a Verdict. Got: Verdict(level=0, reason='', hold=None). Allowed"),
        (NoHold(), "Return Verdict(Level..., 'why'), with hold None or at least 1 chunk."),
        (NeverGate(needs_scores=1), "Gate.needs_scores of NeverGate: it is yes or no. Got: 1."),
        (object(), "Gate.needs_scores of object: it has this member. Got: none."),
    ],
    ids=lambda value: None if isinstance(value, str) else type(value).__name__,
)
def test_a_broken_gate_is_caught(gate: Gate, says: str) -> None:
    with pytest.raises(PluginError, match=re.escape(says)):
        check_gate(gate, KEY)


class Third(HysteresisSwitch):
    def transition(self, *args: object) -> tuple:
        return None, "third"


class Trusting(HysteresisSwitch):
    """Gives control back unless the risk is known to be high."""

    def transition(
        self, state: None, verdict: Verdict, scores: Sequence[Score], context: Context
    ) -> tuple:
        if context.mode.active == context.weak:
            return super().transition(state, verdict, scores, context)
        high = any(score.value >= self.release for score in scores)
        return None, context.strong if high else context.weak


class Tired(HysteresisSwitch):
    """Gives control back after twenty chunks, come what may."""

    def transition(
        self, state: None, verdict: Verdict, scores: Sequence[Score], context: Context
    ) -> tuple:
        after, driver = super().transition(state, verdict, scores, context)
        return after, context.weak if context.dwell > 20 else driver


class Forgetful(HysteresisSwitch):
    """Ignores hold lengths."""

    def transition(
        self, state: None, verdict: Verdict, scores: Sequence[Score], context: Context
    ) -> tuple:
        return super().transition(None, replace(verdict, hold=None), scores, context)


class Crashes(HysteresisSwitch):
    def transition(
        self, state: None, verdict: Verdict, scores: Sequence[Score], context: Context
    ) -> tuple:
        assert scores[0].value < 9
        return super().transition(state, verdict, scores, context)


@pytest.mark.parametrize(
    ("switch", "says"),
    [
        (Third(0.3), "one of the two policies drives next. Got: 'third'. Allowed: 'weak' or 'str"),
        (Trusting(0.3), "NaN never gives control back. Got: 'weak' on [nan] after 1 chunks. Allow"),
        (Tired(0.3), "NaN never gives control back. Got: 'weak' on [nan] after 21 chunks. Allowed"),
        (Forgetful(0.3), "the hold of a verdict is kept exactly. Got: 'strong' after 1 of 1 chun"),
        (Crashes(0.3), "Switch.transition of Crashes: raises nothing in an ordinary call. Got: As"),
        (object(), "Switch.start of object: it has this member. Got: none."),
    ],
    ids=lambda value: None if isinstance(value, str) else type(value).__name__,
)
def test_a_broken_switch_is_caught(switch: Switch, says: str) -> None:
    with pytest.raises(PluginError, match=re.escape(says)):
        check_switch(switch, KEY)
