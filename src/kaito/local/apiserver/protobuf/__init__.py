"""Reading protobuf bodies: typed Go clients (`kubectl create configmap`) send nothing else.

Only reading: every such client also takes JSON answers. `fields.json` knows the built-in kinds'
field numbers (made by `tools/protobuf_fields.py`); `wire` reads the encoding, `decode` makes
the object that the same client would have sent as JSON.
"""
