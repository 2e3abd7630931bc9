"""Prompts are reproducible, and no two alike unless they are meant to be."""

from kaito.cli.bench.prompts import Prompts, scale_words


def test_the_same_seed_and_label_give_the_same_prompt() -> None:
    prompts = Prompts(seed=1, words=50)
    assert prompts.make("8/0/3") == Prompts(seed=1, words=50).make("8/0/3")
    assert len(prompts.make("8/0/3").split()) == 50


def test_every_request_and_every_seed_has_a_prompt_of_its_own_from_its_beginning() -> None:
    made = [Prompts(seed=seed, words=50).make(str(i)) for seed in (1, 2) for i in range(500)]
    assert len({" ".join(prompt.split()[:8]) for prompt in made}) == 1000


def test_a_shared_prefix_is_common_to_all_prompts_and_nothing_else_is() -> None:
    prompts = Prompts(seed=1, words=30, shared_words=20)
    one, other = prompts.make("a").split(), prompts.make("b").split()
    assert one[:20] == other[:20]
    assert one[20:] != other[20:]
    assert len(one) == 30
    longer_than_all = Prompts(seed=1, words=5, shared_words=9)
    assert longer_than_all.make("a") == longer_than_all.make("b")


def test_words_are_scaled_by_what_the_tokenizer_made_of_them() -> None:
    assert scale_words(256, words=256, tokens=320) == 205
    assert scale_words(1, words=1, tokens=40) == 1
