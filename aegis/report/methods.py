"""Methods: what each number means, what it does not mean, and where it comes from."""

from __future__ import annotations

from aegis.report.document import Block, Bullets, Heading, Table, code
from aegis.study.analysis.study_result import StudyResult

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


def methods(result: StudyResult) -> list[Block]:
    """Returns the methods in short."""
    reference = code(result.reference)
    items = (
        "Unit: task, start state, and the noise of world and policies. All arms play every unit. "
        "Noise is addressed, not drawn in sequence, so arms stay the same simulation bit for bit "
        "until one hands over; this common prefix is checked on every unit, not assumed.",
        "Estimand: the difference in success between two arms over all units. Second, the "
        f"difference in recovered-task rate: success given that {reference} fails alone. The "
        "second alone would hide harm, so disrupted stands beside it everywhere.",
        "Test: exact one-sided McNemar on the units that the two arms solve differently. Under "
        "the null each of them is a fair coin, whatever the tasks, so strata need no model. Holm's "
        "correction over all primary contrasts.",
        "Intervals: 95 %. Shares: Wilson. Differences: bias-corrected accelerated bootstrap, units "
        "resampled within tasks; and again with start states, and with whole tasks, as clusters.",
        "Matched cost: thresholds, rates and schedules of all arms were set on calibration units "
        "for a stated duty and then frozen. Duty on test units is reported with its interval; a "
        "comparison is fair only as far as duties agree.",
        "Placebo: any change of course recovers some failures, since a failure is partly bad luck. "
        "The arm that hands over to the weak policy with fresh noise measures how many.",
        "Bounds: the strong policy alone, and an oracle that picks each unit's best fork within "
        "the budget.",
        "Early score: the mean over a fixed first part of the horizon, never of the episode's own "
        "length: success ends an episode, so its length tells the outcome.",
    )
    return [Heading("Methods in short"), Bullets(items)]


def limits(result: StudyResult) -> list[Block]:
    """Returns what the numbers do not say."""
    tasks = max([0, *(len(contrast.per_task) for contrast in result.contrasts)])
    few = f"these {tasks} tasks" if tasks > 1 else "this task"
    items = (
        f"One simulator, one suite ({code(result.suite)}), one pair of policies. Nothing here "
        "says that another pair, or a real robot, would do the same.",
        f"Intervals and tests speak about {few} and new start states of the same family. The "
        "interval with whole tasks resampled asks about other tasks; with few tasks it is too "
        "short.",
        "Recovered-task rates condition on one draw of the weak policy's noise. Compare them "
        "between arms, not with zero.",
        "The oracle chooses with hindsight among the forks that were made: a bound for gates, not "
        "a gate.",
        "A threshold's false-alarm rate is promised for the first alarm only: after a hand-over "
        "the states are no longer those that it was calibrated on.",
        "First mishaps are read from simulator truth by fixed rules; other rules would move their "
        "ticks by some steps.",
        "Cost is given in steps and calls. Wall-clock times depend on the machine and its load: "
        "where they were measured, `aegis study verify` recomputes the figures from the sealed "
        "table, but does not measure again.",
    )
    return [Heading("Limits"), Bullets(items)]


def sources() -> list[Block]:
    """Returns where each number comes from."""
    rows = tuple(
        (what, ", ".join(code(part) for part in place.split(", ")), table, formula)
        for what, place, table, formula in SOURCES
    )
    caption = (
        "From number to rows. Tables are Parquet files in the folder of this run, named as here "
        "with the ending `.parquet`; one row of `episodes.parquet` is one arm on one unit. "
        "`aegis study verify` recomputes every number of `report.json` from them."
    )
    head = ("number", "in report.json", "from", "formula")
    table = Table(caption, head, rows, "", (), (1, 2, 3))
    return [Heading("Where each number comes from"), table]
