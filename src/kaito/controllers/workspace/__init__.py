"""The Workspace controller.

| condition | holds when | waits for |
|---|---|---|
| NodeClaimReady | every NodeClaim of the workspace is Ready | whoever provisions nodes |
| NodesReady | every claimed Node is Ready | the nodes' agents |
| ResourceReady | the plan fits and both of the above hold | - |
| InferenceReady | every pod of the StatefulSet is Ready and up to date | weights, then the engine |
| WorkspaceReady | ResourceReady and InferenceReady hold | - |
| WorkspaceSucceeded | as WorkspaceReady, under the name KAITO 0.12 uses | - |
| WorkspaceDeleting | deletion has begun | pods, then NodeClaims |

One file a condition; `decide` folds them in this order and stops at the first that blocks.
"""
