"""Sensing: which picture belongs to a state, how old each input is, and what was ever wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis.core.errors import ContractError
from aegis.ros.message import cdr as m
from aegis.ros.sensing import Sensing
from aegis.runtime.bus import Bus
from aegis.runtime.realtime.watchdog import HeardInput
from tests.robot.kit import MS, TOY, change, joints, make_contract, open_bus, picture, switch, text

WALL = 1_700_000_000_000_000_000
"""How much later the wall clock is than the driver's [ns]."""
SIZE = {"agentview": (8, 8)}


class Senses:
    """A sensing at a time that is told, on messages that arrive when they are told."""

    def __init__(self, bus: Bus, tree: Mapping[str, Any] = TOY) -> None:
        self.bus, self.now, self.wall = bus, 0, WALL
        contract = make_contract(dict(tree))
        self.sensing = Sensing(contract, bus, lambda: self.now + self.wall, lambda: self.now)

    def hear_state(self, arrived: int, stamp: int = 0, value: float = 0.0) -> None:
        raw = joints(["px", "py"], [value, arrived], WALL + stamp)
        self.bus.write_message("joints", raw, arrived)

    def hear_picture(self, arrived: int, stamp: int = 0, shade: int = 0) -> None:
        pixels = np.full((8, 8, 3), shade, np.uint8)
        self.bus.write_message("camera", picture(pixels, stamp=WALL + stamp), arrived)

    def look(self) -> Mapping[str, HeardInput]:
        return self.sensing.read_inputs()


def spell(align: str, tolerance: float, stamp: str) -> dict[str, Any]:
    tree = change(TOY, "task", {"topic": None, "text": "go"})
    tree["state"][0]["stamp"] = tree["pictures"]["agentview"]["stamp"] = stamp
    tree["pictures"]["agentview"] |= {"align": align, "tolerance": tolerance}
    return tree


@given(
    st.sampled_from(["hold", "asof", "drop"]),
    st.sampled_from(["receive", "header"]),
    st.lists(st.tuples(st.booleans(), st.integers(0, 80), st.integers(0, 30)), min_size=1),
)
def test_a_picture_is_aligned_as_by_looking_at_all(
    align: str, stamp: str, messages: list[tuple[bool, int, int]]
) -> None:
    """Each message: whether a picture, how long after the last [ms], how long under way [ms].

    Senders stamp in order, as one sender does.
    """
    contract = make_contract(spell(align, 0.05, stamp))
    with open_bus(contract) as bus:
        senses, arrived = Senses(bus, spell(align, 0.05, stamp)), 1000 * MS
        pictures: list[tuple[int, int]] = []  # Time and shade.
        states: list[int] = []
        stamped = {True: 0, False: 0}
        for i, (is_picture, gap, delay) in enumerate(messages[-25:]):
            arrived += gap * MS
            stamped[is_picture] = max(stamped[is_picture], arrived - delay * MS)
            when = stamped[is_picture] if stamp == "header" else arrived
            if is_picture:
                senses.hear_picture(arrived, stamped[True], i)
                pictures.append((when, i))
            else:
                senses.hear_state(arrived, stamped[False])
                states.append(when)
        senses.now = arrived
        senses.look()
        expected: int | str = "missing"
        if states and pictures and align == "hold":
            expected = pictures[-1][1]
        elif states and pictures:
            seen = [one for one in pictures[-16:] if one[0] <= states[-1]]
            expected = seen[-1][1] if seen else "newer than the state"
            if seen and align == "drop" and states[-1] - seen[-1][0] > 50 * MS:
                expected = "before the state"
        try:
            found = senses.sensing.observe(SIZE)
        except ContractError as error:
            assert isinstance(expected, str), error  # noqa: PT017
            assert expected in str(error)  # noqa: PT017
            assert align == "hold" or str(error) == senses.sensing.find_trouble()  # noqa: PT017
        else:
            assert found.images["agentview"].max() == expected
            assert found.stamp == states[-1]
            assert found.proprio[1] == np.float32(senses.sensing.used["joints"]), (
                "it says what it used"
            )
            assert senses.sensing.find_trouble() == ""


def test_ages_count_from_arrival_or_by_the_header() -> None:
    for stamp, age in (("receive", 10), ("header", 25)):
        tree = spell("hold", 0, stamp)
        with open_bus(make_contract(tree)) as bus:
            senses = Senses(bus, tree)
            senses.hear_state(90 * MS, 75 * MS)
            senses.now = 100 * MS
            assert senses.now - senses.look()["joints"].arrived == age * MS


def test_a_stamp_from_the_future_and_a_clock_that_jumped_do_not_look_fresh() -> None:
    tree = spell("hold", 0, "header")
    with open_bus(make_contract(tree)) as bus:
        senses = Senses(bus, tree)
        senses.now = 100 * MS
        senses.hear_state(90 * MS, 100_000 * MS)
        assert senses.look()["joints"].arrived > senses.now
        # The machine's clock jumps by an hour: what is stamped by the old one looks old.
        senses.wall += 3600 * 1000 * MS
        senses.hear_state(95 * MS, 95 * MS)
        assert senses.now - senses.look()["joints"].arrived == 3_600_005 * MS
        # What the clock said before, as soon as both jumped.
        senses.hear_state(99 * MS, 99 * MS + 3600 * 1000 * MS)
        assert senses.now - senses.look()["joints"].arrived == MS


@pytest.mark.parametrize("good", [False, True])
@given(levels=st.lists(st.lists(st.sampled_from([True, False, None]), max_size=4), max_size=8))
def test_a_switch_that_was_wrong_between_two_looks_counts_as_wrong(
    good: bool, levels: list[list[bool | None]]
) -> None:
    """None is a message that cannot be read."""
    tree = change(TOY, "levels.estop.good", good)
    with open_bus(make_contract(tree)) as bus:
        senses = Senses(bus, tree)
        senses.hear_state(0)
        senses.bus.write_message("~/task", text("go"), 0)
        last: bool | None = None
        for heard in levels:
            for one in heard:
                bus.write_message("~/estop", b"\0" if one is None else switch(one), 1)
                last = one
            found = senses.look().get("estop")
            if found is None:
                assert last is None
                continue
            was_wrong = any(one is not good for one in heard)
            assert (found.level is good) == (last is good and not was_wrong)
            assert (senses.sensing.find_trouble() != "") == (last is None)


def test_what_cannot_be_read_hides_nothing_that_came_after_it() -> None:
    with open_bus(make_contract()) as bus:
        senses = Senses(bus)
        bus.write_message("~/estop", switch(False), 1)
        assert senses.look()["estop"].level is False
        bus.write_message("~/task", b"no message", 2)
        bus.write_message("~/estop", switch(True), 3)
        senses.hear_state(4)
        heard = senses.look()
        assert heard["estop"].level is True
        assert heard["joints"].arrived == 4
        assert senses.sensing.find_trouble().startswith("~/task: the message is not readable")
        bus.write_message("~/task", text("go"), 5)
        senses.look()
        assert senses.sensing.find_trouble() == ""


def test_a_frozen_camera_with_fresh_stamps_has_not_changed() -> None:
    with open_bus(make_contract()) as bus:
        senses = Senses(bus)
        for i, shade in enumerate((1, 2, 2, 2)):
            senses.hear_picture(i * 100, stamp=i, shade=shade)
            heard = senses.look()["agentview"]
            assert (heard.arrived, heard.changed) == (i * 100, min(i, 1) * 100)


def test_what_is_missing_is_said_by_name_until_it_is_heard() -> None:
    with open_bus(make_contract()) as bus:
        senses = Senses(bus)
        assert senses.look() == {}
        assert senses.sensing.find_trouble().startswith("joints: the message is missing")
        bus.write_message("joints", joints(["px"], [1]), 0)
        senses.look()
        assert "py among them" in senses.sensing.find_trouble()
        senses.hear_state(1)
        senses.look()
        assert senses.sensing.find_trouble() == "no task was heard on ~/task"
        bus.write_message("~/task", text("reach"), 2)
        senses.look()
        assert senses.sensing.find_trouble() == ""
        assert senses.sensing.observe({}).instruction == "reach"
        with pytest.raises(ContractError, match="camera: the message is missing"):
            senses.sensing.observe(SIZE)


def test_only_pictures_that_are_wanted_are_decoded() -> None:
    with open_bus(make_contract()) as bus:
        senses = Senses(bus)
        senses.hear_state(1)
        bus.write_message("camera", m.encode_message(m.EMPTY), 2)
        senses.look()
        assert senses.sensing.observe({}).images == {}
        with pytest.raises(ContractError, match="camera: the message is not readable"):
            senses.sensing.observe(SIZE)
