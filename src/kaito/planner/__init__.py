"""How much a model needs and whether it fits. Pure arithmetic with its working shown."""
