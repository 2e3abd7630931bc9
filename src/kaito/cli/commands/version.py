"""`kaito version`: which release this is."""

import argparse
import platform

from kaito import __version__
from kaito.cli.arguments import add_output_option


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_output_option(parser, "json", "yaml")


def run(arguments: argparse.Namespace) -> int:
    """Print the version."""
    if arguments.output:
        from kaito.cli.output import print_document

        facts = {"version": __version__, "python": platform.python_version()}
        print_document(facts, arguments.output)
    else:
        print(f"kaito {__version__}")
    return 0
