"""Writes one pod's status and finally its deletion; remembers what was written."""

import logging

from kaito.api.meta import Manifest
from kaito.base.logs import facts
from kaito.kube import errors
from kaito.kube.client import Client
from kaito.local.node.pod import PODS, Pod, WatchedPod
from kaito.local.node.pod_status import merge_last, plan_patch

logger = logging.getLogger(__name__)


class PodReport:
    """What the API server is told about one pod."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._written: Manifest = {}

    def last(self, watched: WatchedPod) -> Manifest:
        """The status as the API server has it, our own newest writes included."""
        return merge_last(watched.status, self._written)

    async def write(self, watched: WatchedPod, status: Manifest) -> bool:
        """Write what differs; False when it has to be tried again."""
        patch = plan_patch(self.last(watched), status)
        if not patch:
            return True
        # The uid makes sure that a new pod of the same name is never given this status.
        body = {"metadata": {"uid": watched.metadata.uid}, "status": patch}
        try:
            await self._client.patch(PODS, watched.key, body, subresource="status")
        except (errors.NotFound, errors.Conflict):
            # It is gone or replaced; the watch brings the news.
            return True
        except errors.ApiError as error:
            logger.warning("status not written", extra=facts(pod=watched.key, error=error))
            return False
        self._written = status
        return True

    async def delete(self, pod: Pod) -> bool:
        """Delete the object for good; False when it has to be tried again."""
        try:
            await self._client.delete(PODS, pod.key, uid=pod.uid, grace_seconds=0)
        except (errors.NotFound, errors.Conflict):
            return True
        except errors.ApiError as error:
            logger.warning("pod not deleted", extra=facts(pod=pod.key, error=error))
            return False
        return True
