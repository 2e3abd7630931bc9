"""Configures and runs a real engine's own server, with KAITO's /chat and a /ready that means it."""
