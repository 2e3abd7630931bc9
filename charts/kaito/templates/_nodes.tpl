{{/* Which way the operator gets nodes. */}}

{{- define "kaito.isGateOn" -}}
{{- /* Call with (list . NAME): "true" for a gate that is on, as a boolean or as KAITO's string. */ -}}
{{- $gates := (index . 0).Values.featureGates | default dict -}}
{{- if eq (get $gates (index . 1) | toString) "true" }}true{{ end -}}
{{- end }}

{{- define "kaito.provisioner" -}}
{{- $chosen := .Values.nodeProvisioner -}}
{{- $apis := .Capabilities.APIVersions -}}
{{- if ne $chosen "auto" -}}
{{- $chosen -}}
{{- else if include "kaito.isGateOn" (list . "disableNodeAutoProvisioning") -}}
byo
{{- else if .Values.provisioner.enabled -}}
azure-gpu-provisioner
{{- else if and ($apis.Has "karpenter.sh/v1/NodePool") (include "kaito.nodeClass" .) -}}
karpenter
{{- else if and ($apis.Has "karpenter.sh/v1/NodeClaim") (eq .Values.cloudProviderName "azure") -}}
azure-gpu-provisioner
{{- else -}}
byo
{{- end -}}
{{- end }}

{{- define "kaito.nodeClass" -}}
{{- /* "GROUP KIND" of Karpenter's node class where it is known; else nothing. */ -}}
{{- $known := dict "azure" "karpenter.azure.com AKSNodeClass" "aws" "karpenter.k8s.aws EC2NodeClass" -}}
{{- $name := default .Values.cloudProviderName .Values.karpenterProvider -}}
{{- with get .Values.karpenterProviders $name -}}
{{ .group }} {{ .kind }}
{{- else -}}
{{- get $known $name -}}
{{- end -}}
{{- end }}
