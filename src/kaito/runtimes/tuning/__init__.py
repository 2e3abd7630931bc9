"""Fine-tunes a model: data in, preflight, training that survives its end, adapter out."""
