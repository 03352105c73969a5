{{/* The configuration: what the chart sets, and config over it. */}}
{{- define "wsticket.config" -}}
{{- $set := dict "health" (dict "listen" ":8082") -}}
{{- if eq .Values.mode "standalone" -}}
{{- $_ := set $set "internal" (dict "listen" ":8081") -}}
{{- end -}}
{{- with .Values.secretKeys.sealKeys -}}
{{- $_ := set $set "ticket" (dict "seal_key_file" (printf "/etc/wsticket/secrets/%s" .)) -}}
{{- end -}}
{{ mergeOverwrite $set (deepCopy .Values.config) | toYaml }}
{{- end }}

{{/* The port of a listener: include "wsticket.port" (list . "public" "8080"). */}}
{{- define "wsticket.port" -}}
{{- $config := include "wsticket.config" (first .) | fromYaml -}}
{{- $listen := dig (index . 1) "listen" (printf ":%s" (index . 2)) $config -}}
{{ regexFind "[0-9]+$" $listen | default (index . 2) }}
{{- end }}

{{/* Whether other pods reach the internal listener. */}}
{{- define "wsticket.internalIsOpen" -}}
{{- $config := include "wsticket.config" . | fromYaml -}}
{{- if not (regexMatch "^(127\\.|localhost|\\[::1\\])" (dig "internal" "listen" "127.0.0.1:8081" $config)) }}true{{ end }}
{{- end }}

{{/* Whole seconds of ws.drain_window, such as 90 of 1m30s. */}}
{{- define "wsticket.window" -}}
{{- $config := include "wsticket.config" . | fromYaml -}}
{{- $sum := 0.0 -}}
{{- range regexFindAll "[0-9.]+(ms|[hms])" (dig "ws" "drain_window" "5s" $config | toString) -1 -}}
{{- $number := regexFind "[0-9.]+" . | float64 -}}
{{- $unit := get (dict "ms" 0.001 "s" 1.0 "m" 60.0 "h" 3600.0) (regexFind "[hms]+" .) -}}
{{- $sum = addf $sum (mulf $number $unit) -}}
{{- end -}}
{{ ceil $sum | int }}
{{- end }}

{{/* Seconds for preStop of an application beside the sidecar: until wsticket has
     drained, and a little more. */}}
{{- define "wsticket.sleep" -}}
{{ add .Values.drainDelay (include "wsticket.window" .) 2 }}
{{- end }}

{{/* terminationGracePeriodSeconds. If the application needs time after its
     signal, add that. */}}
{{- define "wsticket.grace" -}}
{{ add (include "wsticket.sleep" .) 10 }}
{{- end }}
