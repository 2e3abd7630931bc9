"""kaito: an independent Python implementation of the Workspace API for AI models on Kubernetes."""

__version__ = "0.1.0"
