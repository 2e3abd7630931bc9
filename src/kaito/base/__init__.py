"""What knows nothing of Kubernetes: time, quantities, backoff, logging, the roots of errors."""
