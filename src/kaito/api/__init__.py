"""The wire: kinds of kaito.sh, the parts of Kubernetes' kinds we read, labels, rules about them.

Pure: nothing here reads a file, a socket or a clock.
"""
