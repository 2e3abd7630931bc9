"""Kinds that are served and validated before anything runs them: their status says so.

| kind | condition that stays False |
|---|---|
| InferenceSet | InferenceSetReady |
| RAGEngine | ServiceReady, RAGEngineSucceeded |
| ModelMirror | Ready |
| MultiRoleInference | Ready |

Nothing is started, no finalizer is set and deletion is never held up. A kind leaves `kinds.py` when
its controller arrives.
"""
