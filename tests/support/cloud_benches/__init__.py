"""Clouds to run the port's contract on: real SDKs, over stand-ins of the services."""
