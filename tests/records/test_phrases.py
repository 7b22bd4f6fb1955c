"""What tells texts apart is found, and put back together it gives the texts."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from aegis.records.phrases import strip_shared_words

WORDS = st.lists(st.sampled_from(["pick", "up", "the", "black", "bowl", "plate"]), max_size=5)


def test_instructions_of_a_suite() -> None:
    told = {
        0: "pick up the bowl next to the plate and place it on the plate",
        3: "pick up the bowl on the stove and place it on the plate",
    }
    assert strip_shared_words(told) == {0: "next to the plate", 3: "on the stove"}
    assert strip_shared_words({5: "pick  it up"}) == {5: "pick it up"}
    assert strip_shared_words({}) == {}


@settings(deadline=None)
@given(head=WORDS, middles=st.lists(WORDS, min_size=2, max_size=4), tail=WORDS)
def test_only_what_all_share_is_left_out(
    head: list[str], middles: list[list[str]], tail: list[str]
) -> None:
    texts = {i: " ".join([*head, *middle, *tail]) for i, middle in enumerate(middles)}
    short = {name: text.split() for name, text in strip_shared_words(texts).items()}
    cut = {len(texts[i].split()) - len(words) for i, words in short.items()}
    assert len(cut) == 1, "as much from each"
    shared = cut.pop()
    assert shared >= min(len(text.split()) for text in texts.values()) or shared >= len(head)
    for i, words in short.items():
        whole = texts[i].split()
        places = range(len(whole) - len(words) + 1)
        assert any(whole[k : k + len(words)] == words for k in places)
    some = [words for words in short.values() if words]
    if len(some) == len(short):
        assert len({words[0] for words in some}) > 1
        assert len({words[-1] for words in some}) > 1
