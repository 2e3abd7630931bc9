"""Settings of a cloud from the environment: what must be there is asked for all at once."""

from collections.abc import Mapping

from kaito.base.errors import UsageError


def require(cloud: str, environment: Mapping[str, str], *names: str) -> tuple[str, ...]:
    """The values of these variables.

    Raises:
        UsageError: some are not set; all of them are named.
    """
    values = tuple(environment.get(name, "").strip() for name in names)
    missing = [name for name, value in zip(names, values, strict=True) if not value]
    if missing:
        raise UsageError(
            f"--cloud {cloud} needs {', '.join(missing)} in the environment",
            hint="see docs/how-to/write-a-provisioner.md for what each of them is",
        )
    return values


def missing_sdk(cloud: str, error: ImportError) -> UsageError:
    """What to say when a cloud's SDK is not installed."""
    return UsageError(
        f"--cloud {cloud} needs a library that is not installed: {error.name}",
        hint=f"pip install 'kaito[{cloud}]'",
    )
