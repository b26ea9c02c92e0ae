{{- define "tidewaiter.name" -}}
{{- default .Release.Name .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "tidewaiter.selector" -}}
app.kubernetes.io/name: tidewaiter
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "tidewaiter.labels" -}}
{{ include "tidewaiter.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "tidewaiter.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- /* A string as TOML writes it: JSON strings without the escapes that only JSON has are TOML strings. */ -}}
{{- define "tidewaiter.toml" -}}
state = "/var/lib/tidewaiter"
{{ .Values.config | trim }}

[http]
address = "0.0.0.0"
port = 1613
metrics_public = {{ .Values.metricsPublic }}
{{- if .Values.tls.enabled }}

[http.tls]
certificate = "/etc/tidewaiter-tls/tls.crt"
key = "/etc/tidewaiter-tls/tls.key"
{{- with .Values.tls.clientAuthority }}
client_authority = {{ printf "/etc/tidewaiter-tls/%s" . | toRawJson }}
{{- end }}
{{- end }}
{{- range $number, $token := .Values.tokens }}

[[http.token]]
name = {{ $token.name | toRawJson }}
secret = { file = "/etc/tidewaiter-tokens/{{ $number }}/token" }
sources = {{ $token.sources | default (list "*") | toRawJson }}
metrics = {{ $token.metrics | default false }}
{{- end }}
{{- end -}}

{{- define "tidewaiter.check" -}}
{{- if and (not .Values.tokens) (not (and .Values.tls.enabled .Values.tls.clientAuthority)) -}}
{{- fail "nobody is kept out: set tokens, or tls.clientAuthority" -}}
{{- end -}}
{{- if and .Values.tls.enabled (not .Values.tls.secretName) -}}
{{- fail "tls.secretName is needed with tls.enabled" -}}
{{- end -}}
{{- if and .Values.serviceMonitor.enabled (not .Values.metricsPublic) (not .Values.serviceMonitor.tokenSecretName) -}}
{{- fail "the ServiceMonitor needs serviceMonitor.tokenSecretName, or metricsPublic" -}}
{{- end -}}
{{- end -}}
