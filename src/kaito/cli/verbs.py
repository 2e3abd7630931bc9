"""The verbs there are, and the help that lists them. Must stay cheap to import."""

from typing import NamedTuple

GROUPS = ("The plane on this machine", "Objects", "Models", "Other")


class Verb(NamedTuple):
    """One verb: its words, its line in the help, and the heading it stands under."""

    name: str
    summary: str
    group: str

    @property
    def module(self) -> str:
        """Where it is implemented."""
        return "kaito.cli.commands." + self.name.replace(" ", "_")


VERBS = (
    Verb("up", "start the plane: a Kubernetes API and a node on this machine", GROUPS[0]),
    Verb("down", "stop the plane; objects and weights are kept", GROUPS[0]),
    Verb("status", "show the plane, its nodes, workspaces and their addresses", GROUPS[0]),
    Verb("apply", "create or change objects from files, and wait for models", GROUPS[1]),
    Verb("get", "list objects, or print some", GROUPS[1]),
    Verb("describe", "show objects in full with their events", GROUPS[1]),
    Verb("logs", "print what the containers of a workspace or pod wrote", GROUPS[1]),
    Verb("delete", "delete objects", GROUPS[1]),
    Verb("validate", "check manifests without a cluster", GROUPS[1]),
    Verb("explain", "say what a workspace waits for, since when, and what to do", GROUPS[2]),
    Verb("chat", "talk to a model", GROUPS[2]),
    Verb("bench", "measure how fast a model answers", GROUPS[2]),
    Verb("plan", "say what a model would run on, why, and what it costs", GROUPS[2]),
    Verb("tune status", "show how far a tuning job is, with its loss", GROUPS[2]),
    Verb("tune report", "write one page about a tuning job: curves, data, answers", GROUPS[2]),
    Verb("tune pause", "stop a tuning job at its next checkpoint", GROUPS[2]),
    Verb("tune resume", "let a paused tuning job go on", GROUPS[2]),
    Verb("tune promote", "serve what a tuning job made", GROUPS[2]),
    Verb("models list", "list the models that kaito knows", GROUPS[2]),
    Verb("models describe", "show a model and how it would run on this machine", GROUPS[2]),
    Verb("models import", "bring a model's files from a folder", GROUPS[2]),
    Verb("models pack", "make an image of a model, to be pushed", GROUPS[2]),
    Verb("models push", "send a model to a registry", GROUPS[2]),
    Verb("models pull", "fetch a model from a registry", GROUPS[2]),
    Verb("doctor", "say what is missing in a cluster or on this machine", GROUPS[3]),
    Verb("operator", "run the controllers in a cluster", GROUPS[3]),
    Verb("provisioner", "make machines in a cloud for a cluster's NodeClaims", GROUPS[3]),
    Verb("version", "print the version", GROUPS[3]),
)


def find_verb(words: list[str]) -> Verb | None:
    """The verb that a command line starts with; of two words where there is such a one."""
    for length in (2, 1):
        name = " ".join(words[:length])
        found = next((verb for verb in VERBS if verb.name == name), None)
        if found:
            return found
    return None


def render_help(prefix: str = "") -> str:
    """The help that lists the verbs, or those that start with the word `prefix`."""
    shown = [verb for verb in VERBS if not prefix or verb.name.startswith(f"{prefix} ")]
    width = max(len(verb.name) for verb in shown)
    lines = [f"usage: kaito {prefix + ' ' if prefix else ''}VERB [arguments]"]
    if not prefix:
        lines += ["", "Serve models on Kubernetes, or on this machine as if it were a cluster."]
    for group in dict.fromkeys(verb.group for verb in shown):
        lines += ["", f"{group}:"]
        lines += [f"  {v.name:<{width}}  {v.summary}" for v in shown if v.group == group]
    lines += ["", "`kaito VERB --help` tells more about one of them."]
    return "\n".join(lines)
