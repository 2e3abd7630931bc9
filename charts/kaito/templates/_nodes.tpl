{{/* Which way the operator gets nodes. */}}

{{- define "kaito.isGateOn" -}}
{{- /* Call with (list . NAME): "true" for a gate that is on, as a boolean or as KAITO's string. */ -}}
{{- $gates := (index . 0).Values.featureGates | default dict -}}
{{- if eq (get $gates (index . 1) | toString) "true" }}true{{ end -}}
{{- end }}

{{- define "kaito.provisioner" -}}
{{- $chosen := .Values.nodeProvisioner -}}
{{- $apis := .Capabilities.APIVersions -}}
{{- $isByo := include "kaito.isGateOn" (list . "disableNodeAutoProvisioning") -}}
{{- if and $isByo (has $chosen (list "auto" "azure-gpu-provisioner")) -}}
byo
{{- else if ne $chosen "auto" -}}
{{- $chosen -}}
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

{{- define "kaito.nodeClasses" -}}
{{- /* The node classes that the operator is to make, as JSON; nothing where somebody else does. */ -}}
{{- with get .Values.karpenterProviders (default .Values.cloudProviderName .Values.karpenterProvider) -}}
{{- with .nodeClasses }}{{ toJson . }}{{ end -}}
{{- end -}}
{{- end }}

{{- define "kaito.nodeClassResource" -}}
{{- /* Plural of Karpenter's node class. */ -}}
{{- $provider := get .Values.karpenterProviders (default .Values.cloudProviderName .Values.karpenterProvider) -}}
{{- $kind := index (splitList " " (include "kaito.nodeClass" .)) 1 -}}
{{- first (splitList "." (default (printf "%ses" (lower $kind)) $provider.resourceName)) -}}
{{- end }}
