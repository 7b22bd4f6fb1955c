"""The bench of inference: rows that are there, and what they say."""

from policies.bench import build_contests

CHECKPOINT = "policies/nano_vla/checkpoints/weak.safetensors"


def test_rows_on_a_cpu() -> None:
    found = build_contests(CHECKPOINT, ["cpu"], 2, [1], [], passes=1)
    assert [contest.name for contest in found] == ["cpu", "cpu_1"]
    for contest in found:
        contest.run_ours()
        contest.run_reference()
        facts = contest.collect_facts()
        contest.close()
        assert facts["batch_invariant"]
        assert facts["measure"] == "CPU time"
        assert facts["chunks_per_second"] > 0
