"""Clouds that machines are made in: one port, one folder a cloud, SDKs only inside their folder."""
