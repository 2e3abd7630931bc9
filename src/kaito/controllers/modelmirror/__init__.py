"""ModelMirrors: a volume with a model's weights in it, filled once and mounted by many.

The volume and the download are owned by the mirror, so that they go when it goes; there is no
finalizer. What is on the volume is found again by a later download, which fetches what is missing.
"""
