"""Model presets and instance types as data, and a model's facts read from its own files' text."""
