"""Words: the tokenizer, and that test paraphrases are really held out."""

from __future__ import annotations

import pytest

from aegis.core.errors import ConfigError, UnknownNameError
from aegis.core.seeds import root_stream
from policies.nano_vla.config import NanoConfig
from policies.nano_vla.tokenizer import PAD, UNKNOWN, Tokenizer, split_words
from policies.nano_vla.training.paraphrase import (
    HELD_OUT_GRAMMAR,
    TRAINING_GRAMMAR,
    find_place,
    paraphrase_instruction,
)
from tests.policies.nano_vla_fixtures import STOVE

WHERES = tuple(TRAINING_GRAMMAR.wheres)


def test_ten_places_are_known_in_both_grammars() -> None:
    assert len(WHERES) == 10
    assert tuple(HELD_OUT_GRAMMAR.wheres) == WHERES
    for where in WHERES:
        assert find_place(f"pick up the black bowl {where} and place it on the plate") == where


def test_held_out_words_for_a_part_never_occur_in_training() -> None:
    assert not set(TRAINING_GRAMMAR.templates) & set(HELD_OUT_GRAMMAR.templates)
    for where in WHERES:
        assert not set(TRAINING_GRAMMAR.wheres[where]) & set(HELD_OUT_GRAMMAR.wheres[where])
    for slot in TRAINING_GRAMMAR.slots:
        assert not set(TRAINING_GRAMMAR.slots[slot]) & set(HELD_OUT_GRAMMAR.slots[slot])


def test_no_sentence_is_in_both_or_means_two_places() -> None:
    training = {where: set(TRAINING_GRAMMAR.list_sentences(where)) for where in WHERES}
    held_out = {where: set(HELD_OUT_GRAMMAR.list_sentences(where)) for where in WHERES}
    everything = [*training.values(), *held_out.values()]
    assert len(set().union(*everything)) == sum(map(len, everything))


def test_the_vocabulary_is_the_training_words_and_the_canonical_sentence() -> None:
    said = {
        word
        for where in WHERES
        for s in TRAINING_GRAMMAR.list_sentences(where)
        for word in split_words(s)
    }
    assert set(Tokenizer.from_file().words) == said
    assert set(split_words(STOVE)) <= said


def test_no_sentence_is_cut() -> None:
    length = max(
        len(split_words(s))
        for g in (TRAINING_GRAMMAR, HELD_OUT_GRAMMAR)
        for where in WHERES
        for s in g.list_sentences(where)
    )
    assert length <= NanoConfig().words


def test_paraphrase_is_a_function_of_its_stream() -> None:
    said = [
        paraphrase_instruction(STOVE, TRAINING_GRAMMAR, root_stream(0, "x", i)) for i in range(20)
    ]
    assert said == [
        paraphrase_instruction(STOVE, TRAINING_GRAMMAR, root_stream(0, "x", i)) for i in range(20)
    ]
    assert len(set(said)) > 10
    assert set(said) <= set(TRAINING_GRAMMAR.list_sentences("on the stove"))


@pytest.mark.parametrize("text", ["", "lift the cube", STOVE.replace("stove", "stov")])
def test_unknown_instructions_are_refused(text: str) -> None:
    with pytest.raises(UnknownNameError, match="instruction"):
        paraphrase_instruction(text, TRAINING_GRAMMAR, root_stream(0))


def test_tokenizer_pads_cuts_and_knows_what_it_does_not_know() -> None:
    tokenizer = Tokenizer(["bowl", "plate"])
    rows = tokenizer.encode_texts(["Bowl, plate!", "a bowl on a plate", ""], 4)
    assert rows.tolist() == [
        [2, 3, PAD, PAD],
        [UNKNOWN, 2, UNKNOWN, UNKNOWN],
        [UNKNOWN, PAD, PAD, PAD],
    ]
    assert tokenizer.size == 4
    with pytest.raises(ConfigError, match="distinct"):
        Tokenizer(["a", "a"])
