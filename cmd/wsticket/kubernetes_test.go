package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// manifestOf returns the file of a Deployment under deploy/kubernetes with the
// settings of its base in a ConfigMap, as kustomize puts them there.
func manifestOf(t testing.TB, base string) string {
	t.Helper()
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join("../../deploy/kubernetes", base, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	return read("deployment.yaml") + "---\nkind: ConfigMap\ndata:\n  wsticket.yaml: |\n    " +
		strings.ReplaceAll(read("settings.yaml"), "\n", "\n    ") + "\n"
}

// checkManifest runs check-config --kubernetes on a manifest.
func checkManifest(t testing.TB, text string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "manifest.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return runIn(t, nil, append([]string{"check-config", "--kubernetes", name}, args...)...)
}

// TestDeployedPods checks the pods under deploy/kubernetes as they are.
func TestDeployedPods(t *testing.T) {
	for base, want := range map[string]string{"sidecar": "Deployment/chat", "standalone": "Deployment/wsticket"} {
		if stdout, stderr, err := checkManifest(t, manifestOf(t, base)); err != nil || stderr != "" || !strings.Contains(stdout, want) {
			t.Errorf("%s: got %q, %q, %v; want %s to be good", base, stdout, stderr, err, want)
		}
	}
}

// TestPodFaults changes one thing of a good manifest. The fault names the field.
func TestPodFaults(t *testing.T) {
	const (
		sidecar = "initContainers[wsticket]."
		drain   = sidecar + "lifecycle.preStop.exec.command: "
	)
	for _, tt := range []struct{ rule, old, new, want string }{
		{"the grace period covers preStop and requests", "terminationGracePeriodSeconds: 22", "terminationGracePeriodSeconds: 21", "terminationGracePeriodSeconds: "},
		{"a pod that says nothing has 30 s", "terminationGracePeriodSeconds: 22\n", "\n", ""},
		{"a longer window needs a longer grace period", "drain_window: 5s", "drain_window: 7s", ""},
		{"and a longer sleep of the application", "drain_window: 5s", "drain_window: 8s", "containers[chat].lifecycle.preStop.sleep.seconds: "},
		{"a part of a second counts as one", "--delay=5s", "--delay=7.5s", "containers[chat].lifecycle.preStop.sleep.seconds: "},
		{"the longest hook counts, whoever has it", "seconds: 12", "seconds: 13", "terminationGracePeriodSeconds: "},
		{"the application waits", "lifecycle:\n            preStop: {sleep: {seconds: 12}}", "", "containers[chat].lifecycle.preStop: "},
		{"the delay is named", "--delay=5s, ", "", drain},
		{"the delay is a duration", "--delay=5s", "--delay=5", drain},
		{"the delay may be an argument of its own", "--delay=5s", "--delay, 5s", ""},
		{"drain needs a key", ", --key-file=/etc/wsticket/secrets/drain.key", "", drain},
		{"drain asks where wsticket listens", "internal:\n", "internal:\n      listen: 127.0.0.1:9081\n", drain},
		{"a sidecar drains while the application waits", "exec: {command: [/wsticket, drain, --delay=5s, --key-file=/etc/wsticket/secrets/drain.key]}", "sleep: {seconds: 5}", sidecar + "lifecycle.preStop: "},
		{"the image has no shell", "/wsticket, drain", "/bin/sh, -c, wsticket drain", sidecar + "lifecycle.preStop: "},
		{"a native sidecar is restarted", "          restartPolicy: Always\n", "", sidecar + "restartPolicy: "},
		{"a kubelet reaches the listener", `listen: ":8082"`, `listen: "127.0.0.1:8082"`, sidecar + "readinessProbe.httpGet.port: "},
		{"there is such a listener", `listen: ":8082"`, `ready_requires: []`, sidecar + "livenessProbe.httpGet.port: "},
		{"its port is that of the probes", "containerPort: 8082", "containerPort: 8083", sidecar + "startupProbe.httpGet.port: "},
		{"a port may be a number", "port: health", "port: 8082", ""},
		{"a port has to be the right one", "path: /readyz, port: health", "path: /readyz, port: 8080", sidecar + "readinessProbe.httpGet.port: "},
		{"liveness is not readiness", "path: /livez", "path: /readyz", sidecar + "livenessProbe.httpGet.path: "},
		{"readiness is asked", "readinessProbe:", "unknown:", sidecar + "readinessProbe: "},
		{"the start is asked", "startupProbe:", "unknown:", sidecar + "startupProbe: "},
		{"liveness may be left out", "livenessProbe:", "unknown:", ""},
		{"a probe may be a command", "httpGet: {path: /readyz, port: health}", "exec: {command: [/wsticket, health]}", ""},
		{"variables of Services are no settings", "enableServiceLinks: false", "enableServiceLinks: true", "enableServiceLinks: "},
		{"nor by default", "enableServiceLinks: false", "unknown: false", "enableServiceLinks: "},
		{"the environment is stronger than the file", "          env:\n", "          env:\n            - {name: WSTICKET_WS_DRAIN_WINDOW, value: 8s}\n", "containers[chat].lifecycle.preStop.sleep.seconds: "},
		{"arguments are stronger than both", "args: [serve, --wait=30s]", "args: [serve, --set, ws.drain_window=8s]", "containers[chat].lifecycle.preStop.sleep.seconds: "},
		{"arguments have to be right", "args: [serve, --wait=30s]", "args: [serve, --wiat=30s]", "args: "},
		{"settings have to be right", "drain_window: 5s", "drain_window: 5", "ws.drain_window: "},
		{"an image with a digest", "image: wsticket", "image: registry:5000/x/wsticket:1@sha256:00", ""},
		{"another image by the name of the container", "image: wsticket", "image: registry/tickets:1", ""},
	} {
		text := strings.Replace(manifestOf(t, "sidecar"), tt.old, tt.new, 1)
		if text == manifestOf(t, "sidecar") {
			t.Fatalf("%s: the manifest has no %q", tt.rule, tt.old)
		}
		_, _, err := checkManifest(t, text)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: got %v, want a fault with %q", tt.rule, err, tt.want)
		}
	}
}

// TestStandalonePodMaySleep: it gets its signal next, and drains then.
func TestStandalonePodMaySleep(t *testing.T) {
	const drain = "exec: {command: [/wsticket, drain, --delay=5s, --key-file=/etc/wsticket/secrets/drain.key]}"
	text := manifestOf(t, "standalone")
	for replacement, want := range map[string]string{"sleep: {seconds: 5}": "", "sleep: {seconds: 6}": "terminationGracePeriodSeconds: "} {
		_, _, err := checkManifest(t, strings.Replace(text, drain, replacement, 1))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v, want a fault with %q", replacement, err, want)
		}
	}
}

// TestPodHookOfAnother: what it takes is not known, which is said.
func TestPodHookOfAnother(t *testing.T) {
	text := strings.Replace(manifestOf(t, "sidecar"), "sleep: {seconds: 12}", "exec: {command: [/stop]}", 1)
	if _, stderr, err := checkManifest(t, text); err != nil || !strings.Contains(stderr, "containers[chat].lifecycle.preStop") {
		t.Errorf("got %q, %v; want a warning", stderr, err)
	}
}

// TestSidecarAmongContainers: it would get its signal together with the application.
// Beside one that it does not relay to, nothing is wrong with that.
func TestSidecarAmongContainers(t *testing.T) {
	text := manifestOf(t, "sidecar")
	text = strings.Replace(text, "\n      containers:\n", "\n", 1)
	text = strings.Replace(text, "\n      initContainers:\n", "\n      containers:\n", 1)
	if _, _, err := checkManifest(t, text); err == nil || !strings.Contains(err.Error(), "Deployment/chat: containers[wsticket]: ") {
		t.Errorf("got %v, want a fault of containers[wsticket]", err)
	}
	if _, _, err := checkManifest(t, strings.Replace(text, "//127.0.0.1:3000", "//chat:3000", 1)); err != nil {
		t.Errorf("with an application elsewhere: %v", err)
	}
}

func TestManifestKinds(t *testing.T) {
	const pod = `
      enableServiceLinks: false
      containers:
        - name: wsticket
          startupProbe: {httpGet: {path: /startupz, port: 8082}}
          readinessProbe: {httpGet: {path: /readyz, port: 8082}}
          lifecycle: {preStop: {sleep: {seconds: 5}}}
`
	const settings = "../../deploy/kubernetes/standalone/settings.yaml"
	for rule, text := range map[string]string{
		"a Pod":                       "kind: Pod\nmetadata: {name: a}\nspec:" + pod,
		"a StatefulSet in a List":     "kind: List\nitems:\n  - kind: StatefulSet\n    metadata: {name: a}\n    spec:\n     template:\n      spec:" + strings.ReplaceAll(pod, "\n", "\n    "),
		"documents that are others'":  "# nothing\n---\nkind: Widget\nspec: {template: 7, containers: many}\n---\n- a list\n---\nkind: Pod\nmetadata: {name: a}\nspec:" + pod,
		"a Deployment of another one": "kind: Deployment\nmetadata: {name: b}\nspec: {template: {spec: {containers: [{name: b, image: b}]}}}\n---\nkind: Pod\nmetadata: {name: a}\nspec:" + pod,
	} {
		stdout, _, err := checkManifest(t, text, "--config", settings)
		if err != nil || !strings.Contains(stdout, "/a is good") || strings.Contains(stdout, "/b") {
			t.Errorf("%s: got %q, %v; want it to be good", rule, stdout, err)
		}
	}
	for rule, text := range map[string]string{
		"nothing at all":         "",
		"no wsticket":            "kind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: b, image: b}]}",
		"no YAML":                "kind: [",
		"fields of another type": "kind: Pod\nmetadata: {name: a}\nspec: {containers: many}",
	} {
		if stdout, _, err := checkManifest(t, text, "--config", settings); err == nil || stdout != "" {
			t.Errorf("%s: got %q, want an error", rule, stdout)
		}
	}
	if _, _, err := checkManifest(t, "kind: Pod\nmetadata: {name: a}\nspec:"+pod); err == nil || !strings.Contains(err.Error(), "--config") {
		t.Errorf("a manifest without settings: got %v, want to be told how to name them", err)
	}
	if _, _, err := runIn(t, nil, "check-config", "--kubernetes", filepath.Join(t.TempDir(), "none.yaml")); !errors.Is(err, os.ErrNotExist) && (err == nil || !strings.Contains(err.Error(), "none.yaml")) {
		t.Errorf("a file that is not there: got %v", err)
	}
}

// TestKubernetesNumbers: the sum without a manifest.
func TestKubernetesNumbers(t *testing.T) {
	stdout, _, err := runIn(t, nil, "check-config", "--kubernetes", "--delay", "7s", "--set", "ws.drain_window=10.5s", "--set", "health.listen=:9999")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"--delay=7s", "{seconds: 18}", "terminationGracePeriodSeconds: 28", "port 9999"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("got no %q in\n%s", want, stdout)
		}
	}
	stdout, _, err = runIn(t, nil, "check-config", "--kubernetes", "--internal", ":8081")
	if err != nil || !strings.Contains(stdout, "port 8081") {
		t.Errorf("probes of the internal listener: got %q, %v", stdout, err)
	}
	for _, args := range [][]string{{"manifest.yaml"}, {"--kubernetes", "--online"}} {
		_, _, err := runIn(t, nil, append([]string{"check-config"}, args...)...)
		if _, usage := errors.AsType[usageError](err); !usage {
			t.Errorf("%q: got %v, want wrong usage", args, err)
		}
	}
}

// TestKubernetesPage holds the numbers of docs/kubernetes.md to the program.
func TestKubernetesPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/kubernetes.md")
	if err != nil {
		t.Fatal(err)
	}
	stdout, _, err := runIn(t, nil, "check-config", "--kubernetes", "--config", "../../deploy/kubernetes/sidecar/settings.yaml")
	if err != nil || !strings.Contains(string(page), stdout) {
		t.Errorf("got %v and\n%s\nwhich the page does not have", err, stdout)
	}
	_, _, err = checkManifest(t, strings.NewReplacer("drain_window: 5s", "drain_window: 15s", "seconds: 12", "seconds: 20").Replace(manifestOf(t, "sidecar")))
	if err == nil || !strings.Contains(string(page), "\n"+err.Error()+"\n") {
		t.Errorf("got %v, which the page does not have", err)
	}
}

// TestDeployedHook runs the preStop of the manifests against a service.
func TestDeployedHook(t *testing.T) {
	t.Parallel()
	idp := newProvider(t)
	settings, key := idp.operated(t)
	for _, base := range []string{"sidecar", "standalone"} {
		_, text, _ := strings.Cut(manifestOf(t, base), "exec: {command: [/wsticket, ")
		text, _, found := strings.Cut(text, "]}")
		if !found {
			t.Fatalf("%s: there is no command in preStop", base)
		}
		p := start(t, "serve", "--config", settings)
		args := strings.Split(strings.NewReplacer("/etc/wsticket/secrets/drain.key", key, "--delay=5s", "--delay=100ms").Replace(text), ", ")
		out, _, err := runIn(t, nil, append(args, "--url=http://"+p.internal)...)
		if err != nil || !strings.HasPrefix(out, "drained 0 of 0") {
			t.Errorf("%s: %q: got %q, %v", base, args, out, err)
		}
	}
}
