{{/* One container, without the dash. */}}
{{- define "wsticket.container" -}}
name: wsticket
image: {{ include "wsticket.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args: [serve, --wait=30s]
ports:
  - {name: ws-public, containerPort: {{ include "wsticket.port" (list . "public" "8080") }}}
  - {name: ws-internal, containerPort: {{ include "wsticket.port" (list . "internal" "8081") }}}
  - {name: ws-health, containerPort: {{ include "wsticket.port" (list . "health" "8082") }}}
env:
  - {name: WSTICKET_CONFIG, value: /etc/wsticket/config/wsticket.yaml}
  {{- with .Values.secretKeys.storeURL }}
  - {name: WSTICKET_STORE_URL_FILE, value: {{ printf "/etc/wsticket/secrets/%s" . }}}
  {{- end }}
  {{- with .Values.secretKeys.databaseURL }}
  - {name: WSTICKET_DATABASE_URL_FILE, value: {{ printf "/etc/wsticket/secrets/%s" . }}}
  {{- end }}
  {{- if dig "limits" "memory" "" .Values.resources }}
  - name: GOMEMLIMIT
    valueFrom: {resourceFieldRef: {resource: limits.memory}}
  {{- end }}
  {{- with .Values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
startupProbe: {httpGet: {path: /startupz, port: ws-health}, periodSeconds: 1, failureThreshold: 60}
readinessProbe: {httpGet: {path: /readyz, port: ws-health}, periodSeconds: 2}
livenessProbe: {httpGet: {path: /livez, port: ws-health}}
lifecycle:
  preStop:
    exec:
      command:
        - /wsticket
        - drain
        - --delay={{ .Values.drainDelay }}s
        - --url=http://127.0.0.1:{{ include "wsticket.port" (list . "internal" "8081") }}
        - --key-file=/etc/wsticket/secrets/{{ .Values.secretKeys.drainKey }}
resources:
  {{- toYaml .Values.resources | nindent 2 }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
  seccompProfile: {type: RuntimeDefault}
volumeMounts:
  - {name: wsticket-config, mountPath: /etc/wsticket/config, readOnly: true}
  - {name: wsticket-secrets, mountPath: /etc/wsticket/secrets, readOnly: true}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* An entry of initContainers: a native sidecar. */}}
{{- define "wsticket.sidecar" -}}
- restartPolicy: Always
  {{- include "wsticket.container" . | nindent 2 }}
{{- end }}

{{/* Entries of volumes. The pod needs fsGroup: 65532, so that wsticket can read
     them. */}}
{{- define "wsticket.volumes" -}}
- name: wsticket-config
  configMap: {name: {{ include "wsticket.fullname" . }}}
- name: wsticket-secrets
  secret:
    secretName: {{ required "existingSecret: write the name of a Secret that exists, see README.md of the chart" .Values.existingSecret }}
    defaultMode: 0440
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
