"""The operator: the controllers of the kaito.sh kinds as a process in a cluster."""
