"""A model that is asked for what it cannot do."""

import pytest

from kaito.runtimes.serving.tasks import refuse_task


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions", "/v1/messages"])
def test_a_model_that_embeds_says_so_when_it_is_asked_for_text(path: str) -> None:
    refusal = refuse_task(path, ("embed", "token_embed"))
    assert refusal is not None
    assert refusal.status == 400
    expected = "this model does not write text, it can make embeddings: ask /v1/embeddings"
    assert refusal.message == expected


def test_a_model_that_writes_says_so_when_it_is_asked_for_embeddings() -> None:
    refusal = refuse_task("/v1/embeddings", ("generate",))
    assert refusal is not None
    assert refusal.message.endswith("it can write text: ask /v1/chat/completions")


@pytest.mark.parametrize(
    ("path", "tasks"),
    [
        ("/v1/embeddings", ("embed",)),
        ("/v1/completions", ("generate",)),
        ("/score", ("embed",)),
        ("/v1/completions", ()),
    ],
)
def test_what_a_model_can_do_or_may_be_able_to_is_the_engines(
    path: str, tasks: tuple[str, ...]
) -> None:
    assert refuse_task(path, tasks) is None
