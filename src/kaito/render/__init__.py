"""Object and plan to manifests. Pure; the golden files under tests/golden/render are its mirror."""
