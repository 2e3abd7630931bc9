"""The rule of names that become names of Services and values of labels."""

from kaito.api.rules import Filled, Matches, Rule, implies
from kaito.api.validation.names import DNS_LABEL

NAME_RULE = Rule(
    expression=implies(Filled("metadata.name"), Matches("metadata.name", DNS_LABEL)),
    blames="metadata.name",
    message="must be a DNS label: lower-case letters, digits and '-', at most 63",
    shows="metadata.name",
)
