"""Samples as token ids and labels: what the trainer is given, and what the preflight counts.

Which tokens of a conversation are learned needs no help of the chat template: an answer's span is
what rendering the conversation with it adds to rendering what came before. Spans are mapped to
tokens by their offsets, so that the text is tokenized whole, as it is when the model is served.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from kaito.runtimes.tuning.data.rows import Chat, Message, Pair, Sample, Text, Unusable

IGNORED: Final = -100
"""The label of a token that is not learned (torch's `ignore_index`)."""
_NEAR: Final = 64
"""Characters to look on for one that has a token."""

Span = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """One sample, cut to the length that is trained on."""

    ids: "array[int]"
    labels: "array[int]"
    length: int
    """Tokens before it was cut."""
    learned: int
    """Tokens that count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A sample as text, and the parts of it that are learned."""

    text: str
    spans: tuple[Span, ...]


class Encoder:
    """Turns samples into tokens with one model's tokenizer."""

    def __init__(self, tokenizer: Any, *, max_length: int, answers_only: bool = True) -> None:
        self._tokenizer = tokenizer
        self.max_length = max_length
        """Tokens at which a sample is cut."""
        self._answers_only = answers_only
        self._template = str(tokenizer.chat_template or "")
        self._signs = _signs(tokenizer)
        self._start = _sign_of_start(tokenizer)

    @property
    def has_template(self) -> bool:
        """Whether conversations can be rendered."""
        return bool(self._template)

    def encode(self, samples: Sequence[Sample]) -> list[Encoded | str]:
        """Each sample's tokens, or why it has none; tokenized together, which is faster."""
        rendered = [self._try_render(sample) for sample in samples]
        texts = [entry.text for entry in rendered if isinstance(entry, Rendered)]
        tokens = iter(self._tokenize(texts)) if texts else iter(())
        return [
            entry if isinstance(entry, str) else self._finish(entry, next(tokens))
            for entry in rendered
        ]

    def render_prompt(self, sample: Sample) -> tuple[str, str]:
        """The text up to the last answer, and that answer; for asking the model itself."""
        chat = self._as_chat(sample)
        if chat is not None:
            return self._apply(chat.messages[:-1], opens=True), chat.messages[-1].content
        if isinstance(sample, Pair):
            return sample.prompt, sample.completion
        assert isinstance(sample, Text)
        half = len(sample.text) // 2
        return sample.text[:half], sample.text[half:]

    def _try_render(self, sample: Sample) -> Rendered | str:
        try:
            rendered = self._render(sample)
        except Unusable as error:
            return str(error)
        if self._answers_only:
            return rendered
        return Rendered(text=rendered.text, spans=((0, len(rendered.text)),))

    def _render(self, sample: Sample) -> Rendered:
        chat = self._as_chat(sample)
        if chat is not None:
            return self._render_chat(chat)
        if isinstance(sample, Pair):
            prompt = self._started(sample.prompt)
            text = self._ended(prompt + sample.completion)
            return Rendered(text=text, spans=((len(prompt), len(text)),))
        if isinstance(sample, Text):
            text = self._ended(self._started(sample.text))
            return Rendered(text=text, spans=((0, len(text)),))
        return self._render_plain(sample)

    def _as_chat(self, sample: Sample) -> Chat | None:
        """The sample as a conversation, where the model knows such: that is how it will be asked.

        A prompt that holds the model's own special tokens was rendered by whoever wrote it.
        """
        if not self._template or isinstance(sample, Text):
            return None
        if isinstance(sample, Chat):
            return sample
        if any(token in sample.prompt for token in self._signs):
            return None
        turns = (
            Message(role="user", content=sample.prompt),
            Message(role="assistant", content=sample.completion),
        )
        return Chat(messages=turns)

    def _render_chat(self, chat: Chat) -> Rendered:
        text = self._apply(chat.messages)
        if spans := self._answer_spans(chat.messages, text):
            return Rendered(text=text, spans=spans)
        # A template that rewrites what went before, such as one that drops earlier thoughts: the
        # last answer alone can still be told apart.
        opening = self._apply(chat.messages[:-1], opens=True)
        if text.startswith(opening):
            return Rendered(text=text, spans=((len(opening), len(text)),))
        answer = chat.messages[-1].content.strip()
        start = text.rfind(answer) if answer else -1
        if start < 0:
            raise Unusable("has an answer that the model's chat template leaves out")
        return Rendered(text=text, spans=((start, len(text)),))

    def _answer_spans(self, messages: tuple[Message, ...], text: str) -> tuple[Span, ...]:
        spans: list[Span] = []
        for index, message in enumerate(messages):
            if message.role != "assistant":
                continue
            opening = self._apply(messages[:index], opens=True)
            closing = self._apply(messages[: index + 1])
            if not (closing.startswith(opening) and text.startswith(closing)):
                return ()
            spans.append((len(opening), len(closing)))
        return tuple(spans)

    def _apply(self, messages: Sequence[Message], *, opens: bool = False) -> str:
        turns = [{"role": message.role, "content": message.content} for message in messages]
        try:
            return str(
                self._tokenizer.apply_chat_template(
                    turns, tokenize=False, add_generation_prompt=opens
                )
            )
        except Exception as error:
            line = " ".join(str(error).split())[:120]
            raise Unusable(f"does not fit the model's chat template: {line}") from error

    def _render_plain(self, chat: Chat) -> Rendered:
        """A conversation for a model without a template: `role: content` lines."""
        text, spans = self._start, []
        for message in chat.messages:
            text += f"{message.role}: "
            start = len(text)
            text += f"{message.content}\n"
            if message.role == "assistant":
                spans.append((start, len(text)))
        ended = self._ended(text)
        spans[-1] = (spans[-1][0], len(ended))
        return Rendered(text=ended, spans=tuple(spans))

    def _started(self, text: str) -> str:
        return text if text.startswith(self._start) else self._start + text

    def _ended(self, text: str) -> str:
        """The text with the sign that it is over, so that the model learns to stop."""
        end = str(self._tokenizer.eos_token or "")
        return text if text.endswith(end) else text + end

    def _tokenize(self, texts: list[str]) -> list[Any]:
        """The tokenizer's own encodings: they know places without a list of them being made."""
        # The signs of start and end stand in the text already.
        return list(self._tokenizer.backend_tokenizer.encode_batch(texts, add_special_tokens=False))

    def _finish(self, rendered: Rendered, found: Any) -> Encoded | str:
        ids = array("i", found.ids)
        labels = array("i", [IGNORED]) * len(ids)
        for span in rendered.spans:
            start, end = _tokens_of(found, span, len(ids), len(rendered.text))
            labels[start:end] = ids[start:end]
        if not ids:
            return "has no tokens"
        cut, kept = ids[: self.max_length], labels[: self.max_length]
        # The first token is never predicted.
        learned = len(kept) - kept.count(IGNORED)
        if learned - (kept[0] != IGNORED) < 1:
            return f"has its answer after the first {self.max_length} tokens"
        return Encoded(ids=cut, labels=kept, length=len(ids), learned=learned)


def _signs(tokenizer: Any) -> tuple[str, ...]:
    """The texts that mean something to the model besides themselves."""
    added = (token.content for token in tokenizer.added_tokens_decoder.values() if token.special)
    return tuple(sorted({str(sign) for sign in (*added, *tokenizer.all_special_tokens) if sign}))


def _sign_of_start(tokenizer: Any) -> str:
    """What the tokenizer itself puts before a text; a chat template writes it on its own."""
    first = tokenizer("a")["input_ids"][:1]
    return str(tokenizer.bos_token) if first == [tokenizer.bos_token_id] else ""


def _tokens_of(found: Any, span: Span, count: int, characters: int) -> tuple[int, int]:
    """The tokens that a stretch of the text begins in and ends before.

    A token that reaches over either edge counts as inside. Characters that a tokenizer drops, such
    as a space it folds away, have no token: the next one that has says where.
    """
    start = _token_at(found, span[0], span[1], count)
    # Most answers end with the text: there is nothing to look for beyond it.
    end = _token_at(found, span[1], min(span[1] + _NEAR, characters), count)
    if end < count and found.token_to_chars(end)[0] < span[1]:
        end += 1
    return start, max(end, start)


def _token_at(found: Any, place: int, limit: int, count: int) -> int:
    for character in range(place, limit):
        token = found.char_to_token(character)
        if token is not None:
            return int(token)
    return count
