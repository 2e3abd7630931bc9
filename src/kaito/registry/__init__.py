"""OCI registries: references, credentials, and bytes in both directions, resumed and verified."""
