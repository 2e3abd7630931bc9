"""The only client of a Kubernetes API: requests, watches, caches, queues, controller kit."""
