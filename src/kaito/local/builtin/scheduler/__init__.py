"""Scheduler: which node each waiting pod runs on."""
