"""What a model's layers keep for each sequence, as the engine allocates it.

A model is a few groups of like layers. vLLM gives every layer a cache of the shape its attention
needs (vllm/v1/kv_cache_interface.py), so one figure a token is not enough: a window stops growing,
a latent vector is held whole by every tensor-parallel rank, a recurrent state does not grow at all.
Nothing here knows a model; the numbers come from the families or from a config.json.
"""

from dataclasses import dataclass

_CONV_ELEMENT_BYTES = 2
"""Convolution states are kept at the model's own 16 bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadLayers:
    """Layers that keep a key and a value of every key-value head: MHA, GQA and MQA."""

    layers: int
    kv_heads: int
    """Key-value heads of the whole model, before they are split over ranks."""
    key_size: int
    """Elements of one head's key."""
    value_size: int = 0
    """Elements of one head's value; 0: as many as the key's."""
    window_tokens: int = 0
    """Tokens a sliding window looks back; 0: the whole sequence is kept."""

    def token_bytes(self, *, tensor_parallel: int = 1, element_bytes: int = 2) -> int:
        """Bytes one token takes on one rank, over all these layers.

        With more ranks than heads each rank keeps one head, which is then held more than once.
        """
        heads = max(-(-self.kv_heads // tensor_parallel), 1)
        return self.layers * heads * (self.key_size + self._values) * element_bytes

    def sequence_bytes(self, *, tensor_parallel: int = 1) -> int:
        """Bytes a sequence takes whatever its length: none here."""
        assert tensor_parallel > 0
        return 0

    def can_split(self, ranks: int) -> bool:
        """Whether its heads divide by the ranks, or the ranks by its heads."""
        return self.kv_heads % ranks == 0 or ranks % self.kv_heads == 0

    @property
    def _values(self) -> int:
        return self.value_size or self.key_size


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentLayers:
    """Layers that keep one vector for all heads (MLA) or for an indexer; not split over ranks."""

    layers: int
    width: int = 0
    """Elements of the vector; 0: only `packed_bytes` counts, whatever the cache's type."""
    packed_bytes: int = 0
    """Bytes of one entry in an 8-bit cache, where it carries scales or 16-bit parts; 0: `width`."""
    tokens_per_entry: int = 1
    """Tokens that share one entry where the sequence itself is compressed."""
    window_tokens: int = 0
    """Tokens a sliding window looks back; 0: the whole sequence is kept."""

    def token_bytes(self, *, tensor_parallel: int = 1, element_bytes: int = 2) -> int:
        """Bytes one token takes on every rank, over all these layers, rounded up."""
        assert tensor_parallel > 0
        return -(-self.layers * self.entry_bytes(element_bytes) // self.tokens_per_entry)

    def entry_bytes(self, element_bytes: int = 2) -> int:
        """Bytes of one entry of one layer."""
        if self.packed_bytes and (element_bytes == 1 or not self.width):
            return self.packed_bytes
        return self.width * element_bytes

    def sequence_bytes(self, *, tensor_parallel: int = 1) -> int:
        """Bytes a sequence takes whatever its length: none here."""
        assert tensor_parallel > 0
        return 0

    def can_split(self, ranks: int) -> bool:
        """Every rank holds all of it, so any number will do."""
        return ranks > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StateLayers:
    """Layers with a state of fixed size a sequence: Mamba, gated delta nets, short convolutions.

    Shapes as in vllm/model_executor/layers/mamba/mamba_utils.py: a recurrent state of
    `heads x head_elements` and a convolution state of `conv_tokens x conv_channels`.
    """

    layers: int
    heads: int = 0
    """Heads that are split over ranks; one head is held by each of them."""
    head_elements: int = 0
    """Elements of one head's recurrent state."""
    element_bytes: int = 2
    """Bytes of one element of the recurrent state; many models ask for 4."""
    conv_channels: int = 0
    conv_tokens: int = 0
    """Tokens the convolution looks back: its kernel less one."""
    groups: int = 0
    """Mamba-2's groups; where they do not divide by the ranks, each rank holds a whole one."""
    group_channels: int = 0
    """Convolution channels of one group."""
    window_tokens: int = 0
    """Always 0: there is no window; here so that every group can be asked alike."""

    def token_bytes(self, *, tensor_parallel: int = 1, element_bytes: int = 2) -> int:
        """Bytes one token takes: none, the state does not grow."""
        assert tensor_parallel > 0
        assert element_bytes > 0
        return 0

    def sequence_bytes(self, *, tensor_parallel: int = 1) -> int:
        """Bytes one sequence takes on one rank, over all these layers."""
        extra = tensor_parallel - self.groups if self.groups % tensor_parallel else 0
        channels = self.conv_channels + extra * self.group_channels
        conv = -(-channels // tensor_parallel) * self.conv_tokens * _CONV_ELEMENT_BYTES
        heads = -(-self.heads // tensor_parallel)
        return self.layers * (conv + heads * self.head_elements * self.element_bytes)

    def can_split(self, ranks: int) -> bool:
        """Whether its heads divide by the ranks; a single one is held by each of them."""
        return self.heads <= 1 or self.heads % ranks == 0


CacheLayers = HeadLayers | LatentLayers | StateLayers


def token_bytes(groups: tuple[CacheLayers, ...], *, element_bytes: int = 2) -> int:
    """Bytes of one token over all layers on one rank, no window counted: the upper figure."""
    return sum(group.token_bytes(element_bytes=element_bytes) for group in groups)


def held_tokens(group: CacheLayers, context_tokens: int, *, in_flight_tokens: int = 0) -> int:
    """Tokens of one sequence whose entries a layer of the group keeps.

    A window keeps the last `window - 1` tokens and those being computed (vLLM's
    SlidingWindowSpec.max_admission_blocks_per_request), never more than the sequence has.
    """
    if isinstance(group, StateLayers):
        return 0
    if not group.window_tokens:
        return context_tokens
    return min(group.window_tokens - 1 + in_flight_tokens, context_tokens)


def sequence_bytes(
    groups: tuple[CacheLayers, ...],
    context_tokens: int,
    *,
    tensor_parallel: int = 1,
    element_bytes: int = 2,
    in_flight_tokens: int = 0,
) -> int:
    """Bytes that one sequence of that length holds on one rank, before blocks are rounded up."""
    total = 0
    for group in groups:
        held = held_tokens(group, context_tokens, in_flight_tokens=in_flight_tokens)
        each = group.token_bytes(tensor_parallel=tensor_parallel, element_bytes=element_bytes)
        total += held * each + group.sequence_bytes(tensor_parallel=tensor_parallel)
    return total
