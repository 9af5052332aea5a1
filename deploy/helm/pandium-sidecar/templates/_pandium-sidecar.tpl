{{- /*
What a chart includes; ../../example-app shows each in its place. All are called with the chart's own
root (`.`), and read its values below `pandium-sidecar:`.
*/ -}}

{{- define "pandium-sidecar.name" -}}
{{ .Release.Name | trunc 48 | trimSuffix "-" }}-pandium
{{- end }}

{{- /* Labels of the pods, by which the policy and monitors find them. */ -}}
{{- define "pandium-sidecar.labels" -}}
pandium-sidecar.io/injected: "true"
{{- end }}

{{- /* Annotations of the pods: with a checksum of the file, so that a changed one is a rollout. */ -}}
{{- define "pandium-sidecar.annotations" -}}
{{- $values := index .Values "pandium-sidecar" -}}
checksum/pandium-sidecar: {{ $values.liveReload | ternary "live" ($values.config | sha256sum) | quote }}
{{- end }}

{{- /* An item of `initContainers`: the first, so that it is there before anything else starts. */ -}}
{{- define "pandium-sidecar.container" -}}
{{- $values := index .Values "pandium-sidecar" -}}
{{- $image := $values.image -}}
- name: pandium-sidecar
  {{- if $image.digest }}
  image: {{ printf "%s@%s" $image.repository $image.digest | quote }}
  {{- else }}
  image: {{ printf "%s:%s" $image.repository ($image.tag | default "0.1.0") | quote }}
  {{- end }}
  imagePullPolicy: {{ $image.pullPolicy }}
  restartPolicy: Always
  args:
    - serve
    - --config
    - /etc/pandium-sidecar/config.yaml
  {{- if $values.upstreamPort }}
  env:
    - name: UPSTREAM_PORT
      value: {{ $values.upstreamPort | int | quote }}
  {{- end }}
  ports:
    - name: pandium
      containerPort: 8710
    - name: pandium-admin
      containerPort: 8711
  startupProbe:
    httpGet:
      path: /-/ready
      port: pandium-admin
    periodSeconds: 1
    failureThreshold: 60
  readinessProbe:
    httpGet:
      path: /-/ready
      port: pandium-admin
    periodSeconds: 5
  livenessProbe:
    httpGet:
      path: /-/live
      port: pandium-admin
  resources:
    {{- toYaml $values.resources | nindent 4 }}
  securityContext:
    allowPrivilegeEscalation: false
    capabilities:
      drop:
        - ALL
    readOnlyRootFilesystem: true
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    seccompProfile:
      type: RuntimeDefault
  volumeMounts:
    - name: pandium-sidecar-config
      mountPath: /etc/pandium-sidecar
      readOnly: true
    - name: pandium-sidecar-secret
      mountPath: /run/secrets/pandium
      readOnly: true
{{- end }}

{{- /* Items of `volumes`. */ -}}
{{- define "pandium-sidecar.volumes" -}}
- name: pandium-sidecar-config
  configMap:
    name: {{ include "pandium-sidecar.name" . }}
- name: pandium-sidecar-secret
  secret:
    secretName: {{ index .Values "pandium-sidecar" "secret" }}
{{- end }}

{{- /* The `targetPort` of the Service. */ -}}
{{- define "pandium-sidecar.port" -}}
pandium
{{- end }}

{{- /* A document: the ConfigMap with the file. */ -}}
{{- define "pandium-sidecar.configmap" -}}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ include "pandium-sidecar.name" . }}
data:
  config.yaml: |
    {{- index .Values "pandium-sidecar" "config" | trimSuffix "\n" | nindent 4 }}
{{- end }}

{{- /* A document: nothing but the sidecar's ports can be reached. */ -}}
{{- define "pandium-sidecar.networkpolicy" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "pandium-sidecar.name" . }}
spec:
  podSelector:
    matchLabels:
      app.kubernetes.io/instance: {{ .Release.Name | quote }}
      {{- include "pandium-sidecar.labels" . | nindent 6 }}
  policyTypes:
    - Ingress
  ingress:
    - ports:
        - protocol: TCP
          port: 8710
    - from:
        - namespaceSelector:
            matchLabels:
              kubernetes.io/metadata.name: monitoring
      ports:
        - protocol: TCP
          port: 8711
{{- end }}
