{{/* Values of KAITO's chart for what there is not here: an install says so, before anything is made. */}}

{{- define "kaito.refuse" -}}
{{- $values := .Values -}}
{{- $page := "see docs/how-to/coming-from-kaito.md" -}}
{{- if (($values.nvidiaDevicePlugin).enabled) -}}
{{- fail (printf "nvidiaDevicePlugin.enabled: this chart installs no device plugin; install NVIDIA's, then set it to false; %s" $page) -}}
{{- end -}}
{{- if (($values.localCSIDriver).useLocalCSIDriver) -}}
{{- fail (printf "localCSIDriver.useLocalCSIDriver: this chart installs no CSI driver; install it by itself, then set it to false; %s" $page) -}}
{{- end -}}
{{- if (($values.productionstack).enabled) -}}
{{- fail (printf "productionstack.enabled: this chart has no dependencies; install it by itself, then set it to false; %s" $page) -}}
{{- end -}}
{{- $instead := dict "nameOverride" "use fullnameOverride" "selectorLabels" "use podTemplateLabels" "inferenceSetClusterRoleName" "there is no such role" "inferenceSetClusterRoleBindingName" "there is no such binding" "loggingConfigMapName" "use logging" -}}
{{- range $name, $what := $instead -}}
{{- if get $values $name -}}
{{- fail (printf "%s: %s; leave it out; %s" $name $what $page) -}}
{{- end -}}
{{- end -}}
{{- if hasPrefix "mcr.microsoft.com/aks/kaito" $values.presetRegistryName -}}
{{- fail (printf "presetRegistryName: %s holds KAITO's images, not ours; leave it out; %s" $values.presetRegistryName $page) -}}
{{- end -}}
{{- if hasPrefix "mcr.microsoft.com/aks/kaito" $values.image.repository -}}
{{- fail (printf "image.repository: %s is KAITO's operator, not ours; leave image out; %s" $values.image.repository $page) -}}
{{- end -}}
{{- if has (int $values.webhook.port) (list 8080 8081) -}}
{{- fail (printf "webhook.port: %d is where metrics and probes are answered; take another one, as 9443" (int $values.webhook.port)) -}}
{{- end -}}
{{- if and (include "kaito.isGateOn" (list . "disableNodeAutoProvisioning")) (eq $values.nodeProvisioner "karpenter") -}}
{{- fail "featureGates.disableNodeAutoProvisioning: it contradicts nodeProvisioner=karpenter; leave one of them out" -}}
{{- end -}}
{{- if and $values.defaultNodeImageFamily (not (and (eq (include "kaito.provisioner" .) "azure-gpu-provisioner") (eq $values.cloudProviderName "azure"))) -}}
{{- fail (printf "defaultNodeImageFamily: nobody reads it with nodeProvisioner=%s on %s; leave it out, the node class says which image" (include "kaito.provisioner" .) $values.cloudProviderName) -}}
{{- end -}}
{{- with $values.karpenterProvider -}}
{{- if not (or (has . (list "azure" "aws")) (hasKey $values.karpenterProviders .)) -}}
{{- fail (printf "karpenterProvider: %s is none of karpenterProviders; name its group and kind there" .) -}}
{{- end -}}
{{- end -}}
{{- if and $values.provisioner.enabled (eq (include "kaito.provisioner" .) "karpenter") (eq $values.cloudProviderName "aws") -}}
{{- fail "provisioner.enabled: on aws it answers NodeClaims of Karpenter's own class, and two would quarrel; leave it out, or use nodeProvisioner=azure-gpu-provisioner where no Karpenter runs" -}}
{{- end -}}
{{- if and $values.provisioner.enabled (eq $values.cloudProviderName "arc") -}}
{{- fail "provisioner.enabled: there is no provisioner for arc; use byo" -}}
{{- end -}}
{{- if and (eq (include "kaito.provisioner" .) "karpenter") (not (include "kaito.nodeClass" .)) -}}
{{- fail (printf "karpenterProvider: Karpenter's node class on %s is not known; name its group and kind under karpenterProviders" (default $values.cloudProviderName $values.karpenterProvider)) -}}
{{- end -}}
{{- if and (eq (include "kaito.provisioner" .) "azure-gpu-provisioner") (not (has $values.cloudProviderName (list "azure" "aws" "gcp"))) -}}
{{- fail (printf "nodeProvisioner: nobody answers NodeClaims on %s; use karpenter or byo" $values.cloudProviderName) -}}
{{- end -}}
{{- end }}
