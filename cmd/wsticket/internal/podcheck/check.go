package podcheck

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"wsticket/cmd/wsticket/internal/config"
)

// defaultURL is where drain asks if it is told nothing.
const defaultURL = "http://127.0.0.1:8081"

// defaultGrace is what Kubernetes gives a pod that says nothing, in seconds.
const defaultGrace = 30

// Result is what was found out about a pod.
type Result struct {
	Times Times
	// Grace is the terminationGracePeriodSeconds that the pod has.
	Grace int64
	// Notes are what could not be checked.
	Notes []string
}

// checker collects the faults of a pod.
type checker struct {
	pod    *Pod
	result Result
	faults []error
}

// Check compares a pod with the settings that wsticket has in it. rest is the time
// that requests in progress have after ws.drain_window. The error joins the faults:
// each names the field of the manifest, what is wrong, and what to write.
func (p *Pod) Check(cfg config.Config, rest time.Duration) (Result, error) {
	c := checker{pod: p}
	c.result.Times = Times{Window: cfg.WS.DrainWindow, Rest: rest}
	c.place(cfg)
	own := c.ownHook(cfg)
	c.grace(max(own, c.othersHooks()))
	c.probes(cfg)
	if p.spec.ServiceLinks == nil || *p.spec.ServiceLinks {
		c.fault("enableServiceLinks", "must be false: for a Service whose name begins with wsticket, Kubernetes sets variables such as WSTICKET_SERVICE_HOST, and serve refuses settings that it does not know")
	}
	return c.result, errors.Join(c.faults...)
}

func (c *checker) fault(field, format string, args ...any) {
	c.faults = append(c.faults, fmt.Errorf("%s: %s: %s", c.pod.Name, field, fmt.Sprintf(format, args...)))
}

func (c *checker) note(field, text string) {
	c.result.Notes = append(c.result.Notes, c.pod.Name+": "+field+": "+text)
}

// place is about where in the pod wsticket is.
func (c *checker) place(cfg config.Config) {
	p := c.pod
	switch {
	case p.sidecar && p.ticket.RestartPolicy != "Always":
		c.fault(p.path+".restartPolicy", "must be Always (got %q), else the pod waits for the end of wsticket before it starts the application", p.ticket.RestartPolicy)
	case !p.sidecar && len(p.spec.Containers) > 1 && besideUpstream(cfg.WS.Upstream):
		c.fault(p.path, "must be one of initContainers, with restartPolicy: Always: ws.upstream (%s) is in the same pod, and a sidecar among containers gets its signal together with the application", cfg.WS.Upstream)
	}
}

// besideUpstream reports whether the application is in the same pod.
func besideUpstream(upstream string) bool {
	return strings.HasPrefix(upstream, "unix:") || strings.Contains(upstream, "//127.0.0.1") || strings.Contains(upstream, "//localhost") || strings.Contains(upstream, "//[::1]")
}

// ownHook checks the preStop of wsticket, and returns how many seconds it takes.
func (c *checker) ownHook(cfg config.Config) int64 {
	field, hook := c.pod.path+".lifecycle.preStop", c.pod.ticket.Lifecycle.PreStop
	switch {
	case hook == nil:
		c.fault(field, "is missing: write exec: {command: [/wsticket, drain, --delay=5s, --key-file=FILE]}, so that balancers see the end before connections do")
	case hook.Sleep != nil && !c.pod.sidecar:
		// Alone, wsticket drains when it gets its signal, which comes next.
		c.result.Times.Delay = time.Duration(hook.Sleep.Seconds) * time.Second
		return hook.Sleep.Seconds + seconds(c.result.Times.Window)
	case hook.Exec == nil || !hook.Exec.drains():
		c.fault(field, "must be exec: {command: [/wsticket, drain, --delay=5s, --key-file=FILE]}: a sidecar gets its signal after the application has gone, and the image has no shell")
	default:
		c.drain(field+".exec.command", *hook.Exec, cfg)
	}
	return c.result.Times.Sleep()
}

// drain checks the command that drains.
func (c *checker) drain(field string, drain command, cfg config.Config) {
	if drain.flag("key-file") == "" {
		c.fault(field, "must have --key-file=FILE, a file with a key of internal.api_keys that has the scope revoke")
	}
	if url := internalURL(cfg); cmp.Or(drain.flag("url"), defaultURL) != url {
		c.fault(field, "must have --url=%s (got %q): internal.listen is %q", url, drain.flag("url"), cfg.Internal.Listen)
	}
	text := drain.flag("delay")
	if text == "" {
		c.fault(field, "must have --delay=5s or the like: without it, connections are closed before balancers know that the pod ends")
		return
	}
	delay, err := time.ParseDuration(text)
	if err != nil || delay < 0 {
		c.fault(field, "--delay must be a duration such as 5s (got %q)", text)
		return
	}
	c.result.Times.Delay = delay
}

// internalURL is where a program in the container finds the internal listener.
func internalURL(cfg config.Config) string {
	scheme := "http://"
	if cfg.Internal.TLS.CertFile != "" {
		scheme = "https://"
	}
	host, port, err := net.SplitHostPort(cfg.Internal.Listen)
	if ip := net.ParseIP(host); err != nil || host == "" || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return scheme + net.JoinHostPort(host, port)
}

// othersHooks checks the preStop of the applications beside a sidecar, and returns
// how many seconds the longest takes.
func (c *checker) othersHooks() int64 {
	if !c.pod.sidecar {
		return 0
	}
	var longest int64
	least := c.result.Times.Sleep()
	for _, other := range c.pod.spec.Containers {
		field, hook := fmt.Sprintf("containers[%s].lifecycle.preStop", other.Name), other.Lifecycle.PreStop
		sum := fmt.Sprintf("--delay %s and ws.drain_window %s", c.result.Times.Delay, c.result.Times.Window)
		switch {
		case hook != nil && hook.Sleep != nil && hook.Sleep.Seconds >= least:
			longest = max(longest, hook.Sleep.Seconds)
		case hook != nil && hook.Sleep != nil:
			c.fault(field+".sleep.seconds", "must be %d or more (got %d): the application has to stay while wsticket drains (%s)", least, hook.Sleep.Seconds, sum)
		case hook != nil:
			c.note(field, fmt.Sprintf("what it runs is not known here; it has to take %d s or more (%s)", least, sum))
		default:
			c.fault(field, "is missing: write sleep: {seconds: %d}, or more: the application has to stay while wsticket drains (%s)", least, sum)
		}
	}
	return longest
}

// grace checks the time that the pod has.
func (c *checker) grace(hooks int64) {
	c.result.Grace = defaultGrace
	if c.pod.spec.Grace != nil {
		c.result.Grace = *c.pod.spec.Grace
	}
	if least := c.result.Times.Grace(hooks); c.result.Grace < least {
		t := c.result.Times
		c.fault("terminationGracePeriodSeconds", "must be %d or more (got %d): preStop takes %d s (--delay %s, ws.drain_window %s), and requests in progress have %s",
			least, c.result.Grace, max(hooks, t.Sleep()), t.Delay, t.Window, t.Rest)
	}
}

// probes checks that each probe asks the right question at a port that a kubelet
// reaches.
func (c *checker) probes(cfg config.Config) {
	ports, why := Health(cfg)
	t := c.pod.ticket
	for _, is := range []struct {
		name, path string
		probe      *probe
		required   bool
	}{
		{"startupProbe", "/startupz", t.Startup, true},
		{"readinessProbe", "/readyz", t.Readiness, true},
		{"livenessProbe", "/livez", t.Liveness, false},
	} {
		field := c.pod.path + "." + is.name
		switch {
		case is.probe == nil && is.required:
			c.fault(field, "is missing: write httpGet: {path: %s, port: %s}", is.path, first(ports, "8082"))
		case is.probe == nil || is.probe.HTTPGet == nil: // or one that runs a program in the container
		case is.probe.HTTPGet.Path != is.path:
			c.fault(field+".httpGet.path", "must be %s (got %q)", is.path, is.probe.HTTPGet.Path)
		case len(ports) == 0:
			c.fault(field+".httpGet.port", "nothing answers a kubelet: %s", why)
		case !slices.Contains(ports, t.port(is.probe.HTTPGet.Port)):
			c.fault(field+".httpGet.port", "must be %s (got %s): %s", ports[0], t.named(is.probe.HTTPGet.Port), why)
		}
	}
}

// first returns the first of a list, or what to take if it is empty.
func first(list []string, otherwise string) string {
	if len(list) == 0 {
		return otherwise
	}
	return list[0]
}

// port returns the number of a port that a probe names.
func (c container) port(name string) string {
	for _, p := range c.Ports {
		if p.Name == name {
			return strconv.Itoa(p.Port)
		}
	}
	return name
}

// named returns a port with its number, for messages.
func (c container) named(name string) string {
	if number := c.port(name); number != name {
		return name + ", which is " + number
	}
	return strconv.Quote(name)
}

// Health returns the ports at which a kubelet can ask, the best one first, and a
// text that says which settings decide that.
func Health(cfg config.Config) ([]string, string) {
	var ports []string
	for _, listen := range []string{cfg.Health.Listen, plainInternal(cfg)} {
		host, port, err := net.SplitHostPort(listen)
		if err == nil && !loopback(host) {
			ports = append(ports, port)
		}
	}
	switch {
	case len(ports) > 0 && cfg.Health.Listen != "":
		return ports, fmt.Sprintf("health.listen is %q", cfg.Health.Listen)
	case len(ports) > 0:
		return ports, fmt.Sprintf("internal.listen is %q, and health.listen is empty", cfg.Internal.Listen)
	case cfg.Health.Listen != "":
		return nil, fmt.Sprintf("health.listen is on loopback (got %q), which is the pod's own: write :8082", cfg.Health.Listen)
	}
	return nil, fmt.Sprintf(`write health: {listen: ":8082"}, because internal.listen (got %q) is out of its reach`, cfg.Internal.Listen)
}

// plainInternal returns the internal listener if it answers probes by HTTP.
func plainInternal(cfg config.Config) string {
	if cfg.Internal.TLS.CertFile != "" {
		return ""
	}
	return cfg.Internal.Listen
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
