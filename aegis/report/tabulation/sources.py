"""Sources: from each number of a report to the rows and the formula that it comes from."""

from __future__ import annotations

from aegis.report.tabulation.table import Column, Table, make_table, mark_code

SOURCES = (
    ("success", "arms.*.success", "`episodes`: success", "mean of `success`; Wilson interval"),
    (
        "recovered",
        "arms.*.recovered",
        "`episodes`: success of arm and reference, by unit",
        "units where the arm is true and the reference false, over units where the reference is "
        "false; Wilson interval",
    ),
    (
        "disrupted",
        "arms.*.disrupted",
        "`episodes`: success of arm and reference, by unit",
        "units where the arm is false and the reference true, over units where the reference is "
        "true; Wilson interval",
    ),
    (
        "duty",
        "arms.*.duty",
        "`episodes`: strong_steps, steps",
        "sum of `strong_steps` over sum of `steps`; bootstrap interval, start states as clusters "
        "within tasks",
    ),
    ("calls", "arms.*.asks", "`episodes`: asks", "queries of a policy over episodes"),
    ("hand-overs, stays", "arms.*.fires, hold_chunks", "`episodes`: fires, holds", "means"),
    (
        "difference",
        "contrasts[].difference",
        "`episodes`: success of both arms, by unit",
        "mean of arm minus other over all units; BCa bootstrap of units within tasks, or "
        "Tango's interval where only one of the two ever solved alone and it is wider",
    ),
    (
        "recovered-task rate, difference",
        "contrasts[].recovered_difference",
        "`episodes`: success of both arms and the reference",
        "the same over units where the reference is false; all units are resampled, so that the "
        "set of failures varies too",
    ),
    (
        "p",
        "contrasts[].p, mid_p, failures_p",
        "`contrasts[].recovered`, `disrupted`",
        "b, c units that only the arm, only the other solved: P(Bin(b + c, 1/2) >= b); mid-p "
        "counts half of P(= b). Non-inferiority: score test of the paired difference (Tango 1998) "
        "at minus the margin",
    ),
    (
        "p over starts, tasks",
        "contrasts[].p_starts, p_tasks",
        "`episodes`: success of both arms, start, task",
        "exact sign-flip test: differences are summed by start state, or by task, and the sign of "
        "each sum is a fair coin",
    ),
    (
        "p, Holm",
        "contrasts[].p_holm",
        "`contrasts[].p_starts` of all primary ones, which is `p` where each start is played once",
        "Holm (1979); in a sequential study not of p but of one over the largest e so far",
    ),
    (
        "by task",
        "contrasts[].per_task",
        "`episodes`: task, success",
        "difference within the task; Tango's score interval",
    ),
    (
        "sequential",
        "contrasts[].looks",
        "`episodes`, in the planned order of units",
        "e-process of the sign test with theta uniform on (1/2, 1]; stop where it reaches "
        "1 / alpha",
    ),
    (
        "P(D > 0)",
        "contrasts[].posterior",
        "the four paired cells of each task",
        "Dirichlet posterior by task, tasks weighted by their units; addressed draws",
    ),
    (
        "AUROC",
        "detector.scores[].windows[]",
        "`scores`: k, scores; `episodes`: success (reference)",
        "per episode the mean score at k < window x horizon; share of pairs (failed, solved) that "
        "it ranks rightly, ties half; within task: pairs of the same task; bootstrap of episodes",
    ),
    (
        "reliability",
        "detector.reliability[], calibration_error",
        "the same means, early window",
        "bins of equal number; mean over bins of |failed share - mean risk|, weighted",
    ),
    (
        "alarms",
        "detector.false_alarms, alarms",
        "`scores` of the reference; `episodes`: success",
        "episodes with any score above the threshold after the guard; Clopper-Pearson interval",
    ),
    (
        "timing",
        "timing[]",
        "`events`: kind, k; `episodes`: handover_k",
        "tick of the first mishap of the reference minus first tick that strong drove",
    ),
    (
        "latency",
        "latency",
        "`latency`: calls, decide",
        "median and 95th percentile over calls, or over chunk boundaries; per step: sum of both "
        "over control steps",
    ),
    (
        "forks",
        "forks[]",
        "`forks`: arm, success",
        "p, r, d: shares of the episodes still running at the tick; pays: p > d / (r + d)",
    ),
    (
        "gap closed",
        "gaps[].closed",
        "`episodes`: success of arm, random, oracle",
        "(arm - random) / (oracle - random); bootstrap of units",
    ),
)


def tabulate_sources() -> Table | None:
    """Tabulates where each number comes from."""
    columns = (
        Column("number", tuple(number for number, *_ in SOURCES)),
        Column(
            "in report.json",
            tuple(", ".join(mark_code(part) for part in s[1].split(", ")) for s in SOURCES),
            words=True,
        ),
        Column("from", tuple(s[2] for s in SOURCES), words=True),
        Column("formula", tuple(s[3] for s in SOURCES), words=True),
    )
    return make_table("table_sources", columns, "")
