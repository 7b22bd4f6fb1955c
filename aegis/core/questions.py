"""Questions: which policies are asked for the chunk to come, when, and what has arrived.

A policy with a lead is asked before its chunk is due. Until that chunk starts, its question stands
here: when it was put, and the answer. All of it is arithmetic on ticks; who answers how fast is the
driver's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from aegis.core.ladder import Ladder, Rung
from aegis.core.types import PolicyId, Proposal


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """A question to one policy, for the chunk to come.

    Attributes:
        first: Tick of the observation that it was first asked on.
        last: Tick of the observation that it was last asked on.
        answer: The newest answer; None before there is one.
    """

    first: int
    last: int
    answer: Proposal | None = None

    @property
    def is_open(self) -> bool:
        """Whether the last question has no answer yet."""
        return self.answer is None or self.answer.k0 < self.last


Questions = Mapping[PolicyId, Question]
"""Rung to its question. Plain dictionaries, which pickle; never written to."""


def receive_answers(questions: Questions, arrived: Mapping[PolicyId, Proposal]) -> Questions:
    """Returns the questions with the answers that arrived at a tick; older ones are dropped."""
    newer = {
        name: replace(one, answer=arrived[name])
        for name, one in questions.items()
        if name in arrived and _is_newer(arrived[name], one)
    }
    return {**questions, **newer} if newer else questions


def _is_newer(proposal: Proposal, question: Question) -> bool:
    """Says whether a proposal answers a question, and better than what answered it before."""
    answer = question.answer
    return proposal.k0 >= question.first and (answer is None or proposal.k0 > answer.k0)


def is_late(questions: Questions, rung: Rung, k: int) -> bool:
    """Says whether an answer should have come by a tick: its lead is over."""
    one = questions.get(rung.name)
    return one is None or k >= one.first + rung.lead


def choose_questions(
    questions: Questions, wanted: Iterable[Rung], until: int, k: int, *, eager: bool
) -> tuple[PolicyId, ...]:
    """Returns whom to ask on the observation of a tick.

    A policy is asked a lead before its chunk is due; again at once if its answer could not be used,
    and after twice the lead if there is none.

    Args:
        questions: The questions that stand.
        wanted: Policies that are needed for the chunk to come.
        until: Tick at which it is due.
        k: Tick of the observation.
        eager: Whether to ask anew as soon as there is an answer, as a chunk may be needed at any
            tick: while an operator drives.
    """
    asked = []
    for rung in wanted:
        one = questions.get(rung.name)
        if one is None:
            due = k >= until - rung.lead
        elif one.is_open:
            due = k >= one.last + max(2 * rung.lead, 1)
        else:
            # A chunk that is due and has not started: the answer was of no use.
            due = eager or k > until
            due |= k >= until - rung.lead and not _reaches(one, rung, until)
        if due:
            asked.append(rung.name)
    return tuple(asked)


def _reaches(question: Question, rung: Rung, until: int) -> bool:
    """Says whether an answer is fresh enough for a chunk due at a tick, and has rows for it."""
    answer = question.answer
    if answer is None or answer.k0 < accept_since(until, rung):
        return False
    rows = answer.actions.shape[0] if answer.actions.ndim else 0
    return answer.k0 + rows >= until + rung.least_rows


def put_questions(questions: Questions, asked: Iterable[PolicyId], k: int) -> Questions:
    """Returns the questions after some were put, again or for the first time."""
    put = {
        name: replace(questions[name], last=k) if name in questions else Question(k, k)
        for name in asked
    }
    return {**questions, **put} if put else questions


def withdraw_questions(questions: Questions, k: int) -> Questions:
    """Returns the questions without those put on the observation of a tick: it was too old."""
    return {name: one for name, one in questions.items() if one.last != k}


def drop_overtaken(questions: Questions, ladder: Ladder) -> Questions:
    """Returns the questions that stand when an operator takes over.

    Answers that begin with the committed rows assume that these were executed.
    """
    return {name: one for name, one in questions.items() if not ladder.find_rung(name).from_due}


def keep_open_questions(questions: Questions) -> Questions:
    """Returns the questions that stand when a chunk starts: whoever still thinks cannot be asked.

    The answers are for the chunk after it, if they are fresh enough.
    """
    if not questions:
        return questions
    return {name: replace(one, answer=None) for name, one in questions.items() if one.is_open}


def accept_since(until: int, rung: Rung) -> int:
    """Returns the earliest observation that a rung's chunk may be made from.

    Without a lead it is the first one at which the chunk is due. With one, it is as old as the
    question before the last one can be: after an operator drove, or with a question that was under
    way when a chunk started, that answer is the newest there is.

    Args:
        until: Tick at which the chunk is due.
        rung: Whose it is.
    """
    return until - (2 * rung.lead + 1) if rung.lead else until
