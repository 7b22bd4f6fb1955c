"""Detection: figures of how well scores tell failing episodes, and whether a risk is a risk."""

from __future__ import annotations

import math
from collections.abc import Sequence

from aegis.report.axis import Scale, bottom, hundredths, left, reach, spread
from aegis.report.canvas import BLUE, FAINT, INK, SMALL, SOFT, TEXT, Canvas, shorten
from aegis.report.document import Figure, code
from aegis.report.ladder import WIDTH
from aegis.study.analysis.formatting import format_decimal, format_percent
from aegis.study.analysis.study_result import StudyResult
from aegis.study.detection.detector_result import DetectorResult, RiskBin, ScoreResult
from aegis.study.estimates import Estimate, Share

TOP, FOOT, TALL = 44.0, 300.0, 346.0
GREYS = ("#5a5a5a", "#7a7a7a", "#949494")
DASHES = ("", "6 3", "2 3", "8 3 2 3")
RISES = ("#0072B2", "#D55E00", "#CC79A7", "#009E73", "#E69F00")


def auroc(result: StudyResult) -> Figure | None:
    """Draws AUROC by window: pooled, and within task."""
    detector = result.detector
    if detector is None or not any(score.windows for score in detector.scores):
        return None
    canvas = Canvas(WIDTH, TALL, "AUROC of scores and baselines, by window")
    values = [
        end
        for score in detector.scores
        for window in score.windows
        for found in (window.pooled, window.within_task)
        for end in (found.value, found.ci.low, found.ci.high)
    ]
    low, high = reach([0.5, *values], 0.2, 0.03, (0.0, 1.0))
    y = Scale(low, high, FOOT, TOP)
    for x, within in ((46.0, True), (386.0, False)):
        _windows(canvas, detector, y, x, within)
    return Figure(
        "auroc",
        canvas,
        f"How well the mean score of a fixed first part of the horizon ranks the episodes that "
        f"{code(result.reference)} fails above those that it solves: 0.5 is chance, 1 is "
        "perfect. Left: pairs of episodes of the same task only, so that knowing the task is "
        "worth nothing. Right: all pairs. Lines: 95 % intervals by bootstrap over episodes. "
        f"Shaded: the window that the plan calls early ({format_percent(detector.early, 0)}). "
        "Grey: baselines. `time` is how long the episode went on within the window: it ranks "
        "well only "
        "where success has already ended episodes.",
        "detector.scores[].windows[].",
    )


def reliability(result: StudyResult) -> Figure | None:
    """Draws the calibration curve, and how often the threshold was passed."""
    detector = result.detector
    if detector is None or not any(math.isfinite(b.mean_risk) for b in detector.reliability):
        return None
    canvas = Canvas(WIDTH, TALL, "Reliability of the risk, and alarms at the threshold")
    _curve(canvas, [b for b in detector.reliability if math.isfinite(b.mean_risk)])
    canvas.title_line((8, 20), "Failing, by risk", "[% of episodes in the bin]")
    _alarms(canvas, result, detector)
    count = sum(b.failed.of for b in detector.reliability)
    return Figure(
        "reliability",
        canvas,
        f"Left: {count} episodes of {code(result.reference)} in bins of equal number by their "
        f"mean {code(detector.name)} in the early window; on the dashed line a risk of 30 % "
        "means that 30 % fail. Vertical lines are 95 % Wilson intervals; the expected "
        f"calibration error is {format_decimal(detector.calibration_error, 3)}. Right: the "
        "published "
        f"rule; share of episodes in which {code(detector.alarm)} passed its threshold after the "
        "guard, with 95 % intervals"
        + (
            "; the threshold was set for false alarms in "
            f"{format_percent(detector.alpha, 0)} (line)."
            if math.isfinite(detector.alpha)
            else "."
        ),
        "detector.reliability[], detector.false_alarms, detector.alarms.",
    )


def _windows(canvas: Canvas, detector: DetectorResult, y: Scale, x: float, within: bool) -> None:
    stop = x + 190
    share = sorted({w.window for s in detector.scores for w in s.windows})
    along = Scale(share[0], max(share[-1], share[0] + 0.1), x + 24, stop - 16)
    place = {window: along(window) for window in share}
    if detector.early in place:
        canvas.rect(place[detector.early] - 17, TOP, 34, FOOT - TOP, BLUE, 0.08)
    title = "Within task" if within else "Pooled"
    canvas.title_line((x - 38, 20), title, "AUROC")
    left(canvas, y, x, "", lambda v: f"{v:g}", stop)
    canvas.line((x, y(0.5)), (stop, y(0.5)), INK, 1, "4 3")
    for window in share:
        canvas.text((place[window], FOOT + 17), hundredths(window), SOFT, "middle", SMALL)
    canvas.line((x, FOOT), (stop, FOOT), FAINT)
    canvas.text(((x + stop) / 2, FOOT + 35), "first part of the horizon [%]", SOFT, "middle", SMALL)
    ends: list[tuple[str, str, float, bool]] = []
    for i, score in enumerate(_ordered(detector)):
        colour, main = _colour(detector, score, i), score.name == detector.name
        shift = 3.4 * (i - (len(detector.scores) - 1) / 2)
        ends += _score(canvas, score, (place, y, shift), within, (colour, DASHES[i % 4], main))
    for words, colour, height, main in _apart(ends):
        canvas.text((stop + 8, height + 4), words, colour, size=SMALL, bold=main)


def _score(
    canvas: Canvas,
    score: ScoreResult,
    where: tuple[dict[float, float], Scale, float],
    within: bool,
    look: tuple[str, str, bool],
) -> list[tuple[str, str, float, bool]]:
    """Draws one score; returns its label: words, colour, height, whether it is the main one."""
    place, y, shift = where
    colour, dash, main = look
    path = []
    for window in score.windows:
        found: Estimate = window.within_task if within else window.pooled
        if not math.isfinite(found.value):
            continue
        x = place[window.window] + shift
        path.append((x, y(found.value)))
        canvas.span((x, y(found.ci.low)), (x, y(found.ci.high)), colour)
    if not path:
        return []
    if len(path) > 1:
        canvas.curve(path, colour, 2.4 if main else 1.4, "" if main else dash)
    for at in path:
        canvas.dot(at, colour, 3.8 if main else 2.6)
    return [
        (shorten(score.name, 112, SMALL), SOFT if score.baseline else colour, path[-1][1], main)
    ]


def _apart(
    ends: Sequence[tuple[str, str, float, bool]],
) -> list[tuple[str, str, float, bool]]:
    heights = spread([height for _, _, height, _ in ends], 16.0, TOP, FOOT)
    return [
        (words, colour, height, main)
        for (words, colour, _, main), height in zip(ends, heights, strict=True)
    ]


def _ordered(detector: DetectorResult) -> list[ScoreResult]:
    """Returns baselines first, the detector itself last: it is drawn on top."""
    return sorted(detector.scores, key=lambda s: (not s.baseline, s.name == detector.name))


def _colour(detector: DetectorResult, score: ScoreResult, i: int) -> str:
    if score.name == detector.name:
        return BLUE
    if score.baseline:
        return GREYS[i % len(GREYS)]
    return RISES[1 + i % (len(RISES) - 1)]


def _curve(canvas: Canvas, bins: Sequence[RiskBin]) -> None:
    x, y = Scale(0.0, 1.0, 52, 308), Scale(0.0, 1.0, FOOT, TOP)
    left(canvas, y, 52, "", hundredths, 308)
    bottom(canvas, x, FOOT, "mean risk of the bin [%]", hundredths, TOP)
    canvas.line((x(0), y(0)), (x(1), y(1)), INK, 1, "4 3")
    for found in bins:
        at = x(found.mean_risk)
        canvas.span((at, y(found.failed.ci.low)), (at, y(found.failed.ci.high)), BLUE, 1.6)
    path = [(x(b.mean_risk), y(b.failed.value)) for b in bins if math.isfinite(b.failed.value)]
    if len(path) > 1:
        canvas.curve(path, BLUE, 1.2)
    for place in path:
        canvas.dot(place, BLUE)


def _alarms(canvas: Canvas, result: StudyResult, detector: DetectorResult) -> None:
    x = Scale(0.0, 1.0, 488, 634)
    canvas.title_line((380, 20), "Alarms of the published rule")
    bottom(canvas, x, 186, "share of episodes [%]", hundredths, TOP, 3)
    if math.isfinite(detector.alpha):
        place = x(detector.alpha)
        canvas.line((place, TOP), (place, 186), INK, 1, "4 3")
        words = f"set for {format_percent(detector.alpha, 0)}"
        canvas.text((place + 5, TOP + 11), words, SOFT, size=SMALL)
    name = shorten(result.reference, 96, SMALL)
    _alarm(canvas, x, TOP + 50, (f"{name} solves:", "false alarms"), detector.false_alarms)
    _alarm(canvas, x, TOP + 106, (f"{name} fails:", "true alarms"), detector.alarms)


def _alarm(canvas: Canvas, x: Scale, y: float, words: tuple[str, str], share: Share) -> None:
    canvas.text((380, y - 3), words[0], SOFT, size=SMALL)
    canvas.text((380, y + 12), words[1], INK, size=SMALL)
    if not share.of or not math.isfinite(share.value):
        canvas.text((x.start + 4, y + 4), "–", SOFT)
        return
    canvas.span((x(share.ci.low), y), (x(share.ci.high), y), BLUE, 2.2)
    canvas.dot((x(share.value), y), BLUE, 4.4)
    canvas.text((x.stop + 8, y + 4), format_percent(share.value), INK, size=TEXT)
