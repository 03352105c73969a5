package testenv_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"wsticket/internal/testenv"
)

// install runs the script with nothing in PATH but the given programs, each a
// line of shell, and returns what it printed. The machine's policy on services
// is one of them, and has to be as before.
func install(t *testing.T, set string, programs map[string]string) (stdout, stderr string, err error) {
	t.Helper()
	script, err := filepath.Abs("install.sh")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, line := range programs {
		text := "#!" + testenv.Need(t, "sh") + "\n" + line + "\n"
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	var out, errs strings.Builder
	cmd := exec.CommandContext(t.Context(), testenv.Need(t, "sh"), script)
	if set != "" {
		cmd.Args = append(cmd.Args, set)
	}
	cmd.Dir, cmd.Env = dir, []string{
		"PATH=" + dir, "DIR=" + dir, "PYTHON=" + filepath.Join(dir, "python"), "POLICY_RC_D=" + filepath.Join(dir, "policy"),
	}
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	_, before := programs["policy"]
	if _, stat := os.Stat(filepath.Join(dir, "policy")); (stat == nil) != before {
		t.Errorf("a policy on services afterwards: got %v, want %v, as before", !before, before)
	}
	return out.String(), errs.String(), err
}

// The machine that a package manager is on. Installing makes the program that
// is named last on the command line.
const (
	installs = `for last; do :; done; echo noise; echo noise >&2; printf '' >"$DIR/$last"; /bin/chmod +x "$DIR/$last"`
	env      = `while case $1 in *=*) ;; *) false ;; esac; do shift; done; "$@"`
	root     = "echo 0"
	somebody = "echo 1000"
)

func TestInstallScript(t *testing.T) {
	there := func(more map[string]string) map[string]string {
		programs := map[string]string{
			"redis-server": "", "openssl": "", "curl": "", "nginx": "", "policy": "exit 101",
		}
		for name, line := range more {
			programs[name] = line
		}
		return programs
	}
	without := func(programs map[string]string, names ...string) map[string]string {
		for _, name := range names {
			delete(programs, name)
		}
		return programs
	}
	tests := []struct {
		rule           string
		programs       map[string]string
		stdout, stderr string // stderr is a part of it
		fails          bool
	}{
		{"silent and idle where nothing is missing", there(map[string]string{"apt-get": "exit 1"}), "", "", false},
		{
			"says what it installs, and nothing of what apt-get says",
			without(there(map[string]string{"apt-get": installs, "env": env, "id": root}), "redis-server"),
			"installing redis-server with apt-get\n", "", false,
		},
		{
			"one after the other",
			without(there(map[string]string{"apt-get": installs, "env": env, "id": root}), "openssl", "curl"),
			"installing openssl with apt-get\ninstalling curl with apt-get\n", "", false,
		},
		{
			"by sudo where it is not root",
			without(there(map[string]string{"apt-get": installs, "env": env, "id": somebody, "sudo": `"$@"`}), "curl"),
			"installing curl with apt-get\n", "", false,
		},
		{
			"fetches the package lists where the ones at hand do not do",
			without(there(map[string]string{
				"apt-get": `if [ "$1" = update ]; then : >"$DIR/lists"; exit; fi; [ -e "$DIR/lists" ] || exit 100; ` + installs,
				"env":     env, "id": root,
			}), "curl"),
			"installing curl with apt-get\n", "", false,
		},
		{
			"no service starts meanwhile: the policy says no",
			without(there(map[string]string{
				"apt-get": `[ -x "$DIR/policy" ] || exit 100; "$DIR/policy"; [ $? -eq 101 ] || exit 100; ` + installs,
				"install": `/usr/bin/install "$@"`, "rm": `/bin/rm "$@"`, "env": env, "id": root,
			}), "curl", "policy"),
			"installing curl with apt-get\n", "", false,
		},
		{
			"fails where it may not install",
			without(there(map[string]string{"apt-get": installs, "env": env, "id": somebody}), "curl"),
			"installing curl with apt-get\n",
			"neither root nor sudo\ninstall.sh: apt-get could not install curl; install curl by hand\n", true,
		},
		{
			"shows what the package manager said where that failed",
			without(there(map[string]string{"brew": "echo no such formula; exit 1"}), "curl"),
			"installing curl with brew\n",
			"no such formula\ninstall.sh: brew could not install curl; install curl by hand\n", true,
		},
		{
			"fails where the program did not come with the package",
			without(there(map[string]string{"brew": ""}), "curl"),
			"installing curl with brew\n", "install.sh: curl is installed but not in PATH\n", true,
		},
		{
			"fails on a machine without either package manager",
			without(there(nil), "curl"),
			"", "install.sh: curl is missing, and there is neither apt-get nor brew; install it by hand\n", true,
		},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			stdout, stderr, err := install(t, "", tt.programs)
			if (err != nil) != tt.fails {
				t.Errorf("got %v, want failure: %v", err, tt.fails)
			}
			if stdout != tt.stdout {
				t.Errorf("stdout: got %q, want %q", stdout, tt.stdout)
			}
			if tt.stderr == "" && stderr != "" || !strings.Contains(stderr, tt.stderr) {
				t.Errorf("stderr: got %q, want %q", stderr, tt.stderr)
			}
		})
	}
}

// TestInstallScriptSets: what Debian does not have is built, and only for those
// who need it.
func TestInstallScriptSets(t *testing.T) {
	machine := map[string]string{
		"redis-server": "", "openssl": "", "curl": "", "node": "", "npm": "", "nginx": "", "haproxy": "", "chromium": "", "python": "",
		"sh": `echo "build ${1##*/} $2"`,
	}
	for set, want := range map[string]string{
		"test": "", "e2e-fast": "build build.sh caddy\n",
		"e2e": "build build.sh caddy\nbuild build.sh traefik\n",
	} {
		if stdout, stderr, err := install(t, set, machine); err != nil || stdout != want {
			t.Errorf("%s: got %q, %q, %v; want %q", set, stdout, stderr, err, want)
		}
	}
	machine["apt-get"], machine["env"], machine["id"] = installs, env, root
	machine["python"] = `case $2 in *jwt) [ -e "$DIR/python3-jwt" ] ;; esac`
	want := "installing python3-jwt with apt-get\nbuild build.sh caddy\n"
	if stdout, stderr, err := install(t, "e2e-fast", machine); err != nil || stdout != want {
		t.Errorf("modules of Python by their package: got %q, %q, %v; want %q", stdout, stderr, err, want)
	}
	delete(machine, "apt-get")
	machine["brew"] = "exit 1"
	if stdout, stderr, err := install(t, "e2e-fast", machine); err != nil || stdout != "build build.sh caddy\n" {
		t.Errorf("which are left out where there is no apt-get: got %q, %q, %v", stdout, stderr, err)
	}
	if _, stderr, err := install(t, "everything", machine); err == nil || !strings.HasPrefix(stderr, "usage: ") {
		t.Errorf("an unknown set: got %q, %v; want usage", stderr, err)
	}
}

func TestInstallScriptIsExecutable(t *testing.T) {
	info, err := os.Stat("install.sh")
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode()&0o100 == 0 {
		t.Errorf("install.sh: mode %v, want executable", info.Mode())
	}
}
