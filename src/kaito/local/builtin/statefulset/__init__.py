"""StatefulSet: pods with stable names, in order."""
