"""The CustomResourceDefinition of ModelMirror, as data."""

from kaito.api import labels
from kaito.api.crd.definition import AGE, Column, Definition, Version
from kaito.api.modelmirror import ModelMirror
from kaito.api.validation.modelmirror import MODELMIRROR_RULES

MODELMIRROR = Definition(
    group=labels.GROUP,
    kind="ModelMirror",
    plural="modelmirrors",
    is_namespaced=False,
    versions=(
        Version(
            name="v1alpha1",
            type=ModelMirror,
            is_stored=True,
            columns=(
                Column(name="Model", path=".spec.source.modelID"),
                Column(name="Phase", path=".status.phase"),
                AGE,
            ),
            rules=MODELMIRROR_RULES,
            limits={
                "spec.source.modelID": {"maxLength": 253},
                "spec.storage.size": {"maxLength": 64},
                "spec.storage.storageClassName": {"maxLength": 253},
                "spec.storage.bucket.url": {"maxLength": 512},
                "spec.storage.bucket.endpoint": {"maxLength": 253},
                "spec.storage.bucket.region": {"maxLength": 64},
                "spec.storage.bucket.secretName": {"maxLength": 253},
                "spec.jobNamespace": {"maxLength": 63},
                "spec.serviceAccountName": {"maxLength": 253},
            },
        ),
    ),
)
