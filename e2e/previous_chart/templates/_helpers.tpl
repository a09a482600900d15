{{- define "storagepool.labels" -}}
app.kubernetes.io/name: storagepool-operator
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: operator
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "storagepool.selector" -}}
app.kubernetes.io/name: storagepool-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "storagepool.serviceAccount" -}}
{{ .Values.serviceAccount.name | default "storagepool-operator" }}
{{- end }}

{{- define "storagepool.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}
