"""The supervisor of one container: a small process that outlives the plane.

Started by `kaito.local.node.process` with the container's environment. It executes the container's
program in a session of its own, writes its output as a CRI log, serves attach clients, and leaves
the exit status in the run's folder. SIGTERM asks the container to stop, SIGUSR1 kills all of it.

It is the reaper of everything the container starts (PR_SET_CHILD_SUBREAPER), so nothing escapes by
daemonising; and the container dies with it (PR_SET_PDEATHSIG), so nothing outlives it. It holds a
lock in the run's folder while it lives: whoever gets that lock knows that it is gone.

These modules import only each other, `procfs` and what loads fast: every container pays for it.
"""
