"""The bench of inference: rows that are there, and what they say."""

from policies.bench import contests

CHECKPOINT = "policies/nano_vla/checkpoints/weak.safetensors"


def test_rows_on_a_cpu() -> None:
    found = contests(CHECKPOINT, ["cpu"], 2, [1], [], passes=1)
    assert [contest.name for contest in found] == ["cpu", "cpu_1"]
    for contest in found:
        contest.ours()
        contest.theirs()
        facts = contest.facts()
        contest.close()
        assert facts["batch_invariant"]
        assert facts["measure"] == "CPU time"
        assert facts["chunks_per_second"] > 0
