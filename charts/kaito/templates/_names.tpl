{{/* Names and labels of the release's objects. */}}

{{- define "kaito.fullname" -}}
{{- default .Release.Name .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- end }}

{{- define "kaito.clusterName" -}}
{{- /* Of cluster-scoped objects: releases in other namespaces may have the same name. */ -}}
{{- printf "%s-%s" .Release.Namespace (include "kaito.fullname" .) -}}
{{- end }}

{{- define "kaito.serviceName" -}}
{{- default (include "kaito.fullname" .) .Values.serviceName -}}
{{- end }}

{{- define "kaito.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "kaito.fullname" .) .Values.serviceAccountName -}}
{{- else -}}
{{- required "serviceAccountName: name the account to use, or set serviceAccount.create" .Values.serviceAccountName -}}
{{- end -}}
{{- end }}

{{- define "kaito.selectorLabels" -}}
app.kubernetes.io/name: kaito-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "kaito.labels" -}}
{{ include "kaito.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: kaito
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "kaito.image" -}}
{{- /* Call with (list . IMAGE). */ -}}
{{- with index . 1 -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default (index $ 0).Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "kaito.leaseName" -}}
{{- /* As the operator calls it. */ -}}
kaito-operator{{ with .Values.watchNamespace }}-{{ . }}{{ end }}
{{- end }}

{{- define "kaito.provisionerName" -}}
{{ include "kaito.fullname" . }}-provisioner
{{- end }}

{{- define "kaito.provisionerSelectorLabels" -}}
app.kubernetes.io/name: kaito-provisioner
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "kaito.provisionerLabels" -}}
{{ merge (include "kaito.provisionerSelectorLabels" . | fromYaml) (include "kaito.labels" . | fromYaml) | toYaml }}
{{- end }}

{{- define "kaito.spread" -}}
{{- /* Over hosts and zones where there are several. Call with the labels of the pods, as YAML. */ -}}
{{- range $key := list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
- maxSkew: 1
  topologyKey: {{ $key }}
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      {{- $ | nindent 6 }}
  matchLabelKeys: [pod-template-hash]
{{- end }}
{{- end }}

{{- define "kaito.strategy" -}}
{{- /* Values are merged: whoever says Recreate still has the defaults for a rolling update. */ -}}
{{- if eq .Values.deploymentStrategy.type "Recreate" -}}
type: Recreate
{{- else -}}
{{- toYaml .Values.deploymentStrategy -}}
{{- end -}}
{{- end }}
