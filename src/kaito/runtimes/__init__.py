"""What runs inside pods: the weights' init container and the model server.

Only this package imports machine-learning libraries; it knows nothing of Kubernetes.
"""
