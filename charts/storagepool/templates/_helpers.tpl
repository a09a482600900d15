{{- define "storagepool.name" -}}
{{ .Values.nameOverride | default "storagepool-operator" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- /* 52 characters leave room for the longest suffix, as in <name>-metrics. */}}
{{- define "storagepool.fullname" -}}
{{- $default := printf "%s-%s" .Release.Name (.Values.nameOverride | default "operator") }}
{{- .Values.fullnameOverride | default $default | trunc 52 | trimSuffix "-" }}
{{- end }}

{{- /* In a selector, which cannot change as long as the Deployment lives: no more labels here. */}}
{{- define "storagepool.selector" -}}
app.kubernetes.io/name: {{ include "storagepool.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "storagepool.labels" -}}
{{ include "storagepool.labelsWith" (list . dict) }}
{{- end }}

{{- /* (list $ MORE): MORE goes before commonLabels, and what the chart selects by before both. */}}
{{- define "storagepool.labelsWith" -}}
{{- $root := index . 0 }}
{{- $own := dict "app.kubernetes.io/version" $root.Chart.AppVersion "app.kubernetes.io/component" "operator" }}
{{- $_ := set $own "app.kubernetes.io/managed-by" $root.Release.Service }}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_") }}
{{- merge (include "storagepool.selector" $root | fromYaml) (index . 1) $own $root.Values.commonLabels | toYaml }}
{{- end }}

{{- define "storagepool.serviceAccount" -}}
{{ .Values.serviceAccount.name | default (include "storagepool.fullname" .) }}
{{- end }}

{{- define "storagepool.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}
{{- end }}

{{- /* A file that the chart carries; the package of a chart without it is broken. */}}
{{- define "storagepool.file" -}}
{{- $text := index . 0 | toString }}
{{- if not $text }}{{ fail (printf "the chart's package lacks %s" (index . 1)) }}{{ end }}
{{- $text }}
{{- end }}
