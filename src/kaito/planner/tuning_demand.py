"""From a training configuration to a demand on the planner: what of the settings takes memory."""

from kaito.api.config_text import whole_number_of
from kaito.api.training_config import TrainingConfig, TuningMethod
from kaito.planner.tuning_memory import TuningDemand


def demand_of_config(method: TuningMethod, config: TrainingConfig) -> TuningDemand:
    """What the settings say of memory; a zero where they say nothing."""
    tokens = _whole(config, "TrainingArguments", "max_length") or _whole(
        config, "TrainingArguments", "max_seq_length"
    )
    said = config.value("TrainingArguments", "gradient_checkpointing")
    return TuningDemand(
        method=method,
        rank=_whole(config, "LoraConfig", "r"),
        batch=_whole(config, "TrainingArguments", "per_device_train_batch_size"),
        sequence_tokens=tokens,
        checkpointing=None if said is None else str(said).lower() == "true",
    )


def _whole(config: TrainingConfig, section: str, key: str) -> int:
    return whole_number_of(config.value(section, key)) or 0
