{{/*
What the operator may do. Reads are lists and watches that fill its caches; writes are what its
controllers decide. tests/unit/chart compares both with the code, and docs/reference/rbac.md is made
from them: a rule that nothing needs fails there.
*/}}

{{- define "kaito.namespacedRules" -}}
- apiGroups: [kaito.sh]
  resources: [workspaces]
  verbs: [get, list, watch, patch]
- apiGroups: [kaito.sh]
  resources: [workspaces/status]
  verbs: [patch]
{{- /* Some clusters ask for it of whoever names a Workspace as the owner of an object. */}}
- apiGroups: [kaito.sh]
  resources: [workspaces/finalizers]
  verbs: [update]
- apiGroups: [kaito.sh]
  resources: {{ include "kaito.announced" . }}
  verbs: [list, watch]
- apiGroups: [kaito.sh]
  resources: {{ include "kaito.announced" . | replace ", " "/status, " | replace "]" "/status]" }}
  verbs: [patch]
- apiGroups: [apps]
  resources: [statefulsets]
  verbs: [list, watch, create, patch, delete]
{{- /* What KAITO's first releases ran is replaced by a StatefulSet. */}}
- apiGroups: [apps]
  resources: [deployments]
  verbs: [list, watch, delete]
- apiGroups: [""]
  resources: [services]
  verbs: [list, watch, create, patch]
{{- /* A pod is told of a new list of adapters by an annotation: its node then looks at once. */}}
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch, patch]
{{- /* The lists of adapters. */}}
- apiGroups: [""]
  resources: [configmaps]
  verbs: [list, watch, create, patch, delete]
{{- if eq (get .Values.featureGates "ModelMirror" | toString) "true" }}
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [list, watch, create]
{{- end }}
- apiGroups: [batch]
  resources: [jobs]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [events]
  verbs: [get, create, patch]
{{- end }}

{{- define "kaito.announced" -}}
{{- /* Kinds that are stored and not run yet; their status says so. */ -}}
[{{ if ne (get .Values.featureGates "enableInferenceSetController" | toString) "false" }}inferencesets, {{ end }}ragengines, multiroleinferences]
{{- end }}

{{- define "kaito.clusterRules" -}}
- apiGroups: [""]
  resources: [nodes]
  verbs: [list, watch]
- apiGroups: [storage.k8s.io]
  resources: [storageclasses]
  verbs: [list, watch]
- apiGroups: [kaito.sh]
  resources: [modelmirrors]
  verbs: [list, watch]
- apiGroups: [kaito.sh]
  resources: [modelmirrors/status]
  verbs: [patch]
{{- if eq (get .Values.featureGates "ModelMirror" | toString) "true" }}
{{- /* As of Workspaces: it owns a volume and a Job. */}}
- apiGroups: [kaito.sh]
  resources: [modelmirrors/finalizers]
  verbs: [update]
{{- end }}
{{- $provisioner := include "kaito.provisioner" . }}
{{- if eq $provisioner "azure-gpu-provisioner" }}
- apiGroups: [karpenter.sh]
  resources: [nodeclaims]
  verbs: [list, watch, create, delete]
{{- else if eq $provisioner "karpenter" }}
- apiGroups: [karpenter.sh]
  resources: [nodeclaims]
  verbs: [list, watch]
- apiGroups: [karpenter.sh]
  resources: [nodepools]
  verbs: [list, watch, create, patch, delete]
{{- if include "kaito.nodeClasses" . }}
- apiGroups: [{{ index (splitList " " (include "kaito.nodeClass" .)) 0 }}]
  resources: [{{ include "kaito.nodeClassResource" . }}]
  verbs: [list, watch, create, patch]
{{- end }}
{{- end }}
{{- if .Values.webhook.enabled }}
- apiGroups: [admissionregistration.k8s.io]
  resources: [validatingwebhookconfigurations]
  resourceNames:
    - validation.inferenceset.kaito.sh
    - validation.modelmirror.kaito.sh
    - validation.multiroleinference.kaito.sh
    - validation.ragengine.kaito.sh
    - validation.workspace.kaito.sh
  verbs: [get, patch]
{{- end }}
{{- end }}

{{- define "kaito.homeRules" -}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [{{ include "kaito.leaseName" . }}]
  verbs: [get, patch]
{{- /* Should somebody delete it: creation cannot be limited to a name. */}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
{{- if .Values.webhook.enabled }}
- apiGroups: [""]
  resources: [secrets]
  resourceNames: [workspace-webhook-cert]
  verbs: [get, patch]
{{- end }}
{{- end }}

{{- define "kaito.subjects" -}}
- kind: ServiceAccount
  name: {{ include "kaito.serviceAccountName" . }}
  namespace: {{ .Release.Namespace }}
{{- end }}

{{- define "kaito.provisionerRules" -}}
- apiGroups: [karpenter.sh]
  resources: [nodeclaims]
  verbs: [get, list, watch, patch]
- apiGroups: [karpenter.sh]
  resources: [nodeclaims/status]
  verbs: [patch]
- apiGroups: [""]
  resources: [nodes]
  verbs: [list, watch, patch, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [pods/eviction]
  verbs: [create]
- apiGroups: [""]
  resources: [events]
  verbs: [get, create, patch]
{{- end }}

{{- define "kaito.provisionerLease" -}}
{{- /* As the provisioner calls it: after the class that it answers. */ -}}
kaito-provisioner-{{ eq .Values.cloudProviderName "aws" | ternary "ec2nodeclass.karpenter.k8s.aws" "kaitonodeclass.kaito.sh" }}
{{- end }}
