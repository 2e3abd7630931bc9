"""The validating webhook: what the API server asks before it stores one of our kinds."""
