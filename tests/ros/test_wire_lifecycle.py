"""The wire's services and lifecycle against genuine ROS 2: the driver answers, both ways agree."""

from __future__ import annotations

import pytest

from tests.ros.rig import STRING, await_truth, open_rig

pytestmark = pytest.mark.ros
CONFIGURE, CLEANUP, ACTIVATE, DEACTIVATE, UNCONFIGURED_SHUTDOWN = 1, 2, 3, 4, 5


def test_services_ask_the_driver_and_tell_what_it_said(python: str) -> None:
    with open_rig(python) as rig:
        rig.driver.rules = {
            "enable": (True, "", "active"),
            "disable": (True, "", "inactive"),
            "reset": (False, "the e-stop is pressed", "fault"),
            "takeover": (True, "", "active"),
            "release": (False, "nobody took over", "active"),
        }
        assert rig.trigger("enable") == {"success": True, "message": "active"}
        assert rig.trigger("disable") == {"success": True, "message": "inactive"}
        assert rig.trigger("reset") == {"success": False, "message": "the e-stop is pressed"}
        kind = "std_srvs/srv/SetBool"
        assert rig.peer.ask("/aegis/takeover", kind, data=True)["success"]
        released = rig.peer.ask("/aegis/takeover", kind, data=False)
        assert released == {"success": False, "message": "nobody took over"}
        assert rig.driver.requests == ["enable", "disable", "reset", "takeover", "release"]


def test_service_without_an_answer_says_so_and_holds_nothing_up(python: str) -> None:
    with open_rig(python) as rig:
        rig.driver.rules = {"disable": (True, "", "inactive")}
        waiting = rig.peer.ask_later("/aegis/reset", "std_srvs/srv/Trigger")
        await_truth(lambda: rig.driver.requests == ["reset"], "the request")
        assert rig.trigger("disable")["success"]
        rig.publish_until_seen("/note", STRING, "note", fields={"data": "meanwhile"})
        answer = await_truth(waiting, "an answer")
        assert not answer["success"]
        assert "no answer from the driver" in answer["message"]


def test_lifecycle_transitions_in_all_directions(python: str) -> None:
    with open_rig(python, lifecycle=True) as rig:
        rig.driver.rules = {
            "configure": (True, "", "inactive"),
            "enable": (True, "", "active"),
            "disable": (True, "", "inactive"),
            "cleanup": (True, "", "unconfigured"),
            "shutdown": (True, "", "finalized"),
        }
        assert rig.ask_state() == "unconfigured"
        assert not rig.change_state(ACTIVATE)  # ROS 2 itself refuses it, and goes on.
        for transition, state in (
            (CONFIGURE, "inactive"),
            (ACTIVATE, "active"),
            (DEACTIVATE, "inactive"),
            (CLEANUP, "unconfigured"),
            (UNCONFIGURED_SHUTDOWN, "finalized"),
        ):
            assert rig.change_state(transition)
            assert rig.ask_state() == state
        asked = ["configure", "enable", "disable", "cleanup", "shutdown"]
        assert rig.driver.requests == asked


def test_refused_transition_fails_and_services_go_the_same_way(python: str) -> None:
    with open_rig(python, lifecycle=True) as rig:
        rig.driver.rules = {
            "configure": (True, "", "inactive"),
            "enable": (False, "camera 'wrist' is silent", "inactive"),
            "disable": (True, "", "inactive"),
        }
        refused = rig.trigger("enable")
        assert refused == {
            "success": False,
            "message": "cannot enable while the node is unconfigured",
        }
        assert rig.change_state(CONFIGURE)
        assert not rig.change_state(ACTIVATE)
        assert rig.ask_state() == "inactive"
        assert rig.trigger("enable")["message"] == "camera 'wrist' is silent"
        await_truth(
            lambda: any("'wrist' is silent" in line for line in rig.wire.list_lines()), "the log"
        )
        rig.driver.rules["enable"] = (True, "", "active")
        assert rig.trigger("enable") == {"success": True, "message": "active"}
        assert rig.ask_state() == "active"
        assert rig.trigger("disable")["success"]
        assert rig.ask_state() == "inactive"


def test_state_answers_while_the_driver_is_being_configured(python: str) -> None:
    with open_rig(python, lifecycle=True) as rig:
        waiting = rig.peer.ask_later(
            "/aegis/change_state", "lifecycle_msgs/srv/ChangeState", transition={"id": CONFIGURE}
        )
        await_truth(lambda: rig.driver.requests == ["configure"], "the request")
        assert rig.ask_state() == "configuring"
        assert not waiting()


def test_node_follows_the_driver_without_asking_it(python: str) -> None:
    with open_rig(python, lifecycle=True) as rig:
        rig.driver.rules = {"enable": (False, "fault: hand stuck; reset first", "fault")}
        rig.driver.show("inactive")  # It configured itself.
        rig.await_state("inactive")
        rig.driver.show("active")  # A topic enabled it.
        rig.await_state("active")
        rig.driver.show("fault", "hand stuck")
        rig.await_state("inactive")
        assert rig.driver.requests == []
        assert not rig.change_state(ACTIVATE)
        assert rig.trigger("enable")["message"] == "fault: hand stuck; reset first"
        assert rig.ask_state() == "inactive"
        rig.driver.rules = {"reset": (True, "", "inactive"), "enable": (True, "", "active")}
        assert rig.trigger("reset")["success"]
        assert rig.change_state(ACTIVATE)
        rig.driver.show("unconfigured")
        rig.await_state("unconfigured")
