"""The control loops of the kaito.sh kinds. They never import the embedded plane."""
