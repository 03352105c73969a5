package kubernetes

import (
	"os"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/lint"
)

// checked holds rendered objects to their schemas, their pods to check-config
// --kubernetes, and their settings to check-config.
func checked(t *testing.T, objects string) {
	t.Helper()
	checkSelectors(t, objects)
	lines, err := checkObjects(t, objects)
	if err != nil {
		t.Errorf("schemas: %v in\n%s", err, objects)
	}
	for _, line := range lines {
		t.Log(line)
	}
	for _, run := range []func() (string, error){
		func() (string, error) { return wsticket(t, objects, "check-config", "--kubernetes", "-") },
		func() (string, error) { return checkSettings(t, objects) },
	} {
		out, err := run()
		if err != nil {
			t.Errorf("check-config: %v: %s", err, out)
		}
		for line := range strings.Lines(out) {
			if !strings.HasPrefix(line, "warning: ") {
				t.Log(strings.TrimSpace(line))
			}
		}
	}
}

func TestKustomizations(t *testing.T) {
	for _, base := range []string{"sidecar", "standalone"} {
		t.Run(base, func(t *testing.T) { checked(t, kustomize(t, deploy+"kubernetes/"+base)) })
	}
}

// needed are values that an installation needs.
const needed = `
existingSecret: wsticket
config:
  public: {url: "https://ws.example.com"}
  issuers: [{issuer: "https://id.example.com", audience: [ws], algorithms: [RS256], discovery: true}]
  origins: ["https://app.example.com"]
`

// full are values that set everything.
const full = needed + `
  ws: {drain_window: 1m30.5s}
  health: {listen: "0.0.0.0:9082"}
  internal: {listen: "[::]:9081"}
fullnameOverride: tickets
image: {repository: registry.example.com/wsticket, digest: "sha256:0000000000000000000000000000000000000000000000000000000000000000"}
imagePullSecrets: [{name: registry}]
replicas: null
restartOnConfigChange: false
drainDelay: 7
extraEnv: [{name: WSTICKET_LOG_LEVEL, value: warn}]
extraVolumes: [{name: tls, secret: {secretName: tls}}]
extraVolumeMounts: [{name: tls, mountPath: /etc/wsticket/tls, readOnly: true}]
podLabels: {team: chat}
podAnnotations: {example.com/a: b}
nodeSelector: {kubernetes.io/arch: amd64}
tolerations: [{key: a, operator: Exists}]
affinity: {nodeAffinity: {}}
priorityClassName: high
topologySpreadConstraints: [{topologyKey: rack, maxSkew: 2, whenUnsatisfiable: DoNotSchedule}]
service: {type: LoadBalancer, port: 443, annotations: {a: b}}
podDisruptionBudget: {maxUnavailable: "25%"}
networkPolicy:
  publicFrom: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: gateway}}}]
  internalFrom: [{podSelector: {matchLabels: {app: backend}}}]
  egress: [{ports: [{port: 443}]}]
httpRoute: {enabled: true, parentRefs: [{name: gateway}], hostnames: [ws.example.com]}
monitor: {enabled: true, rules: true, labels: {release: prometheus}}
`

func TestChart(t *testing.T) {
	for _, tt := range []struct {
		name, chart, values string
		want                []string // parts of what is rendered
	}{
		{"only what is needed", chartDir, needed, []string{"replicas: 2", "GOMEMLIMIT", "checksum/config", "terminationGracePeriodSeconds: 22", "image: wsticket:latest"}},
		{"everything", chartDir, full, []string{
			"terminationGracePeriodSeconds: 110", "--delay=7s", "--url=http://127.0.0.1:9081", "wsticket@sha256:0", "containerPort: 9082", "name: tickets-internal", "kind: ServiceMonitor", "kind: HTTPRoute", "replacement: wsticket-tickets", "kind: PrometheusRule", "alert: ",
		}},
		{"everything switched off", chartDir, needed + "resources: {requests: null, limits: null}\npodDisruptionBudget: {enabled: false}\nnetworkPolicy: {enabled: false}\ninternalService: {enabled: false}\n", []string{"kind: Deployment"}},
		{"a sidecar in the chart of an application", exampleChart, "", []string{"restartPolicy: Always", "sleep: {seconds: 12}", "terminationGracePeriodSeconds: 22", "name: try-wsticket"}},
		{"the same with a monitor", exampleChart, "wsticket: {config: {internal: {listen: ':8081'}}, monitor: {enabled: true, podLabels: {app.kubernetes.io/name: chat}}}", []string{"kind: PodMonitor", "replacement: try-wsticket"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			objects, notes, err := template(t, tt.chart, tt.values)
			if err != nil {
				t.Fatal(err)
			}
			checked(t, objects)
			for _, part := range tt.want {
				if !strings.Contains(objects, part) {
					t.Errorf("got no %q in\n%s", part, objects)
				}
			}
			if strings.TrimSpace(notes) == "" || strings.Contains(notes, "<no value>") {
				t.Errorf("notes: got %q", notes)
			}
		})
	}
}

// TestChartWithoutThem: what is switched off is not there.
func TestChartWithoutThem(t *testing.T) {
	objects, _, err := template(t, chartDir, needed+"podDisruptionBudget: {enabled: false}\nnetworkPolicy: {enabled: false}\ninternalService: {enabled: false}\nresources: {limits: null}\nreplicas: null\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"PodDisruptionBudget", "NetworkPolicy", "-internal\n", "GOMEMLIMIT", "replicas", "Monitor", "HTTPRoute"} {
		if strings.Contains(objects, part) {
			t.Errorf("got %q in\n%s", part, objects)
		}
	}
	objects, _, err = template(t, chartDir, needed+"mode: sidecar\n")
	if err != nil || strings.Count(objects, "\nkind: ") != 1 || !strings.Contains(objects, "kind: ConfigMap") {
		t.Errorf("mode sidecar: got %v and\n%s\nwant a ConfigMap alone", err, objects)
	}
}

// TestChartWithDatabase: the Secret may have other entries than the usual ones.
func TestChartWithDatabase(t *testing.T) {
	objects, _, err := template(t, chartDir, needed+"secretKeys: {databaseURL: database.url, storeURL: '', sealKeys: ''}\n")
	if err != nil || !strings.Contains(objects, "{name: WSTICKET_DATABASE_URL_FILE, value: /etc/wsticket/secrets/database.url}") {
		t.Errorf("got %v and\n%s", err, objects)
	}
	if strings.Contains(objects, "STORE_URL") || strings.Contains(objects, "seal") {
		t.Errorf("got entries that the secret does not have in\n%s", objects)
	}
}

// TestChartRefuses: a value that the chart does not know would be ignored, and
// nobody would notice.
func TestChartRefuses(t *testing.T) {
	for _, tt := range []struct{ rule, values, want string }{
		{"an unknown key", "replica: 3", "replica"},
		{"an unknown key inside", "image: {name: x}", "name"},
		{"an unknown mode", "mode: side-car", "mode"},
		{"a number that is text", "replicas: two", "replicas"},
		{"no pods", "replicas: 0", "replicas"},
		{"settings as text", "config: |\n  ws: {}", "config"},
		{"a digest that is none", "image: {repository: a, digest: abc}", "digest"},
		{"a delay with a unit", "drainDelay: 5s", "drainDelay"},
		{"a file in another folder", "secretKeys: {drainKey: ../drain.key}", "drainKey"},
		{"no key for preStop", "secretKeys: {drainKey: ''}", "drainKey"},
		{"a port that is none", "service: {port: 70000}", "port"},
		{"a budget that is none", "podDisruptionBudget: {maxUnavailable: many}", "maxUnavailable"},
		{"an interval without a unit", "monitor: {interval: '30'}", "interval"},
		{"no secret", "existingSecret: ''", "existingSecret"},
		{"a monitor without a Service", "monitor: {enabled: true}\ninternalService: {enabled: false}", "internalService.enabled"},
		{"a monitor behind a policy", "monitor: {enabled: true}", "networkPolicy.internalFrom"},
		{"a monitor of a listener on loopback", "monitor: {enabled: true}\nconfig: {internal: {listen: '127.0.0.1:8081'}}", "internal.listen"},
	} {
		values := "existingSecret: wsticket\n"
		if strings.Contains(tt.values, "existingSecret") {
			values = ""
		}
		if _, _, err := template(t, chartDir, values+tt.values); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want a fault with %q", tt.rule, err, tt.want)
		}
	}
	if _, _, err := template(t, exampleChart, "wsticket: {replica: 3}"); err == nil {
		t.Error("an unknown key of the chart that another one includes: got no fault")
	}
}

// TestRulesOfChart: a chart has no files outside of its folder, so it has a copy.
func TestRulesOfChart(t *testing.T) {
	rules, err := os.ReadFile(deploy + "prometheus/rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	if copied, err := os.ReadFile(chartDir + "/files/rules.yml"); err != nil || string(copied) != string(rules) {
		t.Errorf("files/rules.yml of the chart: %v, want the text of deploy/prometheus/rules.yml: copy it", err)
	}
}

// TestLint is helm lint --strict.
func TestLint(t *testing.T) {
	result := lint.All(chartDir, map[string]any{"existingSecret": "wsticket"}, "default", true)
	for _, m := range result.Messages {
		if !strings.Contains(m.Error(), "icon is recommended") {
			t.Errorf("%v", m)
		}
	}
}

// TestSchemasRefuse: schemas that take everything would show nothing.
func TestSchemasRefuse(t *testing.T) {
	objects := kustomize(t, deploy+"kubernetes/sidecar")
	printed, err := os.ReadFile(deploy + "gateway-api/httproute.yaml")
	if err != nil {
		t.Fatal(err)
	}
	policy, err := os.ReadFile(deploy + "gateway-api/envoy-gateway.yaml")
	if err != nil {
		t.Fatal(err)
	}
	monitored, _, err := template(t, chartDir, full)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ rule, text, old, new string }{
		{"an unknown field", objects, "automountServiceAccountToken:", "automountServiceAccountTokens:"},
		{"an unknown field of a container", objects, "readOnlyRootFilesystem:", "readonlyRootFilesystem:"},
		{"text for a number", objects, "terminationGracePeriodSeconds: 22", "terminationGracePeriodSeconds: 22s"},
		{"an unknown kind", objects, "kind: NetworkPolicy", "kind: NetworkPolice"},
		{"another version", objects, "policy/v1", "policy/v1beta1"},
		{"a field of a route", string(printed), "allowedHeaders:", "allowedRequestHeaders:"},
		{"a protocol of a route", string(printed), "protocol: HTTP", "protocol: WS"},
		{"a field of a policy", string(policy), "headersToExtAuth:", "headersToAuth:"},
		{"a field of a monitor", monitored, "interval: 30s", "every: 30s"},
	} {
		if !strings.Contains(tt.text, tt.old) {
			t.Errorf("%s: there is no %q", tt.rule, tt.old)
		} else if _, err := checkObjects(t, strings.Replace(tt.text, tt.old, tt.new, 1)); err == nil {
			t.Errorf("%s: got no fault", tt.rule)
		}
	}
}

// TestGateways holds what print-config prints for gateways to the CRDs.
func TestGateways(t *testing.T) {
	more := []string{
		"--set", "ws.path=/live, /ws/chat/{room}", "--set", "public.url=https://ws.example.com",
		"--set", "identity.assertion_key_file=a.pem", "--set", "identity.assertion_audience=chat", "--upstream", "chat.team:3000",
	}
	for _, name := range []string{"gateway-api", "envoy-gateway"} {
		for _, args := range [][]string{nil, more} {
			text, err := wsticket(t, "", append([]string{"print-config", name}, args...)...)
			if err != nil {
				t.Fatalf("%v: %s", err, text)
			}
			_, text, _ = strings.Cut(text, "#") // a warning comes before
			lines, err := checkObjects(t, "#"+text)
			if err != nil {
				t.Errorf("%v in\n%s", err, text)
			}
			for _, line := range lines {
				t.Log(line)
			}
		}
	}
}
