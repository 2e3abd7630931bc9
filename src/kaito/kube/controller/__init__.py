"""The controller kit: observe, decide, apply; shared by every controller of the project."""
