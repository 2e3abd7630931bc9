"""Job: pods that run to an end, as often as asked for."""
