"""Resources that answer a POST and store nothing: what may I do?

Whoever gets past authentication may do everything here, so the answers are short.
"""

from collections.abc import Callable

from kaito.api.meta import Manifest

USER = "kaito:admin"
GROUPS = ("system:masters", "system:authenticated")
_EVERYTHING = {
    "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
    "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
    "incomplete": False,
}


def review_access(sent: Manifest) -> Manifest:
    """A SelfSubjectAccessReview: yes."""
    return {
        **sent,
        "status": {"allowed": True, "reason": "everyone who is let in may do everything"},
    }


def review_rules(sent: Manifest) -> Manifest:
    """A SelfSubjectRulesReview: everything."""
    return {**sent, "status": _EVERYTHING}


def review_user(sent: Manifest) -> Manifest:
    """A SelfSubjectReview: the one user there is."""
    return {**sent, "status": {"userInfo": {"username": USER, "groups": list(GROUPS)}}}


REVIEWS: dict[str, Callable[[Manifest], Manifest]] = {
    "selfsubjectreviews.authentication.k8s.io": review_user,
    "selfsubjectaccessreviews.authorization.k8s.io": review_access,
    "selfsubjectrulesreviews.authorization.k8s.io": review_rules,
}
"""By resource: what turns a request into its answer."""
