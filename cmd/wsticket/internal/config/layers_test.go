package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"wsticket/internal/test"
)

type level string

func (l *level) UnmarshalText(text []byte) error {
	if string(text) != "low" && string(text) != "high" {
		return fmt.Errorf("must be low or high (got %q)", text)
	}
	*l = level(text)
	return nil
}

// paint is a colour, or one for each of several walls.
type paint map[string]string

func (p *paint) UnmarshalText(text []byte) error {
	if string(text) == "plaid" {
		return errors.New("must be a colour")
	}
	*p = paint{"all": string(text)}
	return nil
}

func (p *paint) UnmarshalMapping(walls map[string]string) error {
	if _, ok := walls["roof"]; ok {
		return errors.New("the roof is not painted")
	}
	*p = walls
	return nil
}

type pet struct {
	Name string   `yaml:"name" help:"What it answers to."`
	Toys []string `yaml:"toys"`
}

type house struct {
	Door struct {
		Code Secret        `yaml:"code" help:"Opens it."`
		Open bool          `yaml:"open"`
		Wait time.Duration `yaml:"wait"`
	} `yaml:"door"`
	Rooms int      `yaml:"rooms"`
	Level level    `yaml:"level"`
	Names []string `yaml:"names"`
	Pets  []pet    `yaml:"pets" help:"Who lives here."`
	Paint paint    `yaml:"paint"`
}

func defaults() house {
	h := house{Rooms: 1, Level: "low"}
	h.Door.Wait = 5 * time.Minute
	return h
}

func TestLayersInOrder(t *testing.T) {
	const file = "rooms: 2\nlevel: high\nnames: [a, b]\ndoor: {wait: 7s, code: x}\npets:\n- name: rex\n  toys: [ball]\n- name: mia\n"
	env := []string{"WSTICKET_ROOMS=3", "WSTICKET_NAMES=c, d ,", "OTHER=1", "WSTICKET_CONFIG=f", "WSTICKET_KEY_FILE=ops.key", "WSTICKET_DOOR_OPEN=true"}
	h := defaults()
	err := load(&h, layers{
		fileName: "f", file: []byte(file), env: env,
		set: []string{"rooms=4", "door.wait=9s"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if h.Rooms != 4 || h.Level != "high" || h.Door.Wait != 9*time.Second || !h.Door.Open || h.Door.Code.Reveal() != "x" {
		t.Errorf("loaded %+v", h)
	}
	if !slices.Equal(h.Names, []string{"c", "d"}) {
		t.Errorf("names = %q, want the environment's", h.Names)
	}
	if len(h.Pets) != 2 || h.Pets[0].Name != "rex" || !slices.Equal(h.Pets[0].Toys, []string{"ball"}) {
		t.Errorf("pets = %+v", h.Pets)
	}
}

func TestDefaultsStandWhereNothingIsSaid(t *testing.T) {
	for _, file := range []string{"", "# only a comment\n", "rooms:\ndoor:\n", "door: {wait: }\n"} {
		h := defaults()
		if err := load(&h, layers{file: []byte(file)}); err != nil {
			t.Errorf("%q: %v", file, err)
		}
		if h.Rooms != 1 || h.Door.Wait != 5*time.Minute {
			t.Errorf("%q changed a default: %+v", file, h)
		}
	}
}

// A list of one may be written as its element, and file names are relative to the
// file that they stand in.
func TestListOfOneAndFiles(t *testing.T) {
	type files struct {
		KeyFile string   `yaml:"key_file"`
		Names   []string `yaml:"names"`
		URL     Secret   `yaml:"url"`
		List    []struct {
			OtherFile string `yaml:"other_file"`
		} `yaml:"list"`
	}
	var got files
	src := layers{dir: "/etc/wst", file: []byte("names: a\nkey_file: k.pem\nurl: x\nlist: [{other_file: ../o}, {other_file: /abs}, {other_file: \"\"}]")}
	if err := load(&got, src); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.Names, []string{"a"}) || got.KeyFile != "/etc/wst/k.pem" || got.URL.Dir() != "/etc/wst" ||
		got.List[0].OtherFile != "/etc/o" || got.List[1].OtherFile != "/abs" || got.List[2].OtherFile != "" {
		t.Errorf("loaded %+v, dir %q", got, got.URL.Dir())
	}
	src.env, src.set = []string{"WSTICKET_URL=y"}, []string{"key_file=here.pem"}
	if err := load(&got, src); err != nil || got.KeyFile != "here.pem" || got.URL.Dir() != "" {
		t.Errorf("loaded %+v, %v, dir %q, want those of the other layers as they are", got, err, got.URL.Dir())
	}
}

func TestListsFromTheEnvironment(t *testing.T) {
	h := defaults()
	env := []string{`WSTICKET_PETS=[{name: rex}, {name: mia, toys: [mouse]}]`, `WSTICKET_NAMES=["a,b", c]`}
	if err := load(&h, layers{env: env}); err != nil {
		t.Fatal(err)
	}
	if len(h.Pets) != 2 || h.Pets[1].Toys[0] != "mouse" || !slices.Equal(h.Names, []string{"a,b", "c"}) {
		t.Errorf("loaded %+v", h)
	}
}

func TestMappings(t *testing.T) {
	for _, row := range []struct {
		rule string
		src  layers
		want string
	}{
		{"as text", layers{file: []byte("paint: red")}, "map[all:red]"},
		{"as a mapping", layers{file: []byte("paint: {north: red, south: 5}")}, "map[north:red south:5]"},
		{"by an alias", layers{file: []byte("level: &l high\npaint: {north: *l}")}, "map[north:high]"},
		{"an empty one", layers{file: []byte("paint: {}")}, "map[]"},
		{"the environment is stronger, and text", layers{
			file: []byte("paint: {north: red}"), env: []string{"WSTICKET_PAINT=blue"},
		}, "map[all:blue]"},
	} {
		h := defaults()
		if err := load(&h, row.src); err != nil || fmt.Sprint(h.Paint) != row.want {
			t.Errorf("%s: got %v, %v, want %s", row.rule, h.Paint, err, row.want)
		}
	}
}

func TestSecretFromAFile(t *testing.T) {
	h := defaults()
	name := test.WriteFile(t, "code", "s3cret\n")
	if err := load(&h, layers{env: []string{"WSTICKET_DOOR_CODE_FILE=" + name}}); err != nil || h.Door.Code.Reveal() != "s3cret" {
		t.Errorf("code = %q, %v", h.Door.Code.Reveal(), err)
	}
	err := load(&h, layers{env: []string{"WSTICKET_DOOR_CODE_FILE=/gone", "WSTICKET_ROOMS_FILE=" + name}})
	for _, want := range []string{"WSTICKET_DOOR_CODE_FILE: no such file: /gone", "WSTICKET_ROOMS_FILE: no such setting"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %q", err, want)
		}
	}
}

func TestFaults(t *testing.T) {
	for _, row := range []struct {
		rule string
		src  layers
		want string
	}{
		{"an unknown key is a fault with a suggestion", layers{file: []byte("romms: 2")}, "f:1: romms: no such key (did you mean rooms?)"},
		{"an unknown key below a section too", layers{file: []byte("door:\n  xyzzyx: 2")}, "f:2: door.xyzzyx: no such key"},
		{"an unknown key inside a list too", layers{file: []byte("pets:\n- nam: x")}, "f:2: pets[0].nam: no such key (did you mean pets[0].name?)"},
		{"a key at another place is found", layers{file: []byte("wait: 5s")}, "f:1: wait: no such key (did you mean door.wait?)"},
		{"so is one of a list", layers{file: []byte("toys: [ball]")}, "f:1: toys: no such key (did you mean pets[].toys?)"},
		{"other keys are listed", layers{file: []byte("door: {colour: red}")}, "f:1: door.colour: no such key (there are code, open, wait)"},
		{"a section is not set as a whole", layers{set: []string{"door=open"}}, "--set: door: is a section: set one of its keys, such as door.code"},
		{"Kubernetes sets names, too", layers{env: []string{"WSTICKET_PORT_8080_TCP_ADDR=10.0.0.1"}}, "no such setting (Kubernetes sets it for a Service called wsticket: set enableServiceLinks: false"},
		{"a list is one value", layers{env: []string{"WSTICKET_PETS_0_NAME=rex"}}, "no such setting (a list is one value: WSTICKET_PETS='[{…}, {…}]')"},
		{"a setting without = may be a secret", layers{set: []string{"door.code:hunter2"}}, `(got "door.code…")`},
		{"a key stands once", layers{file: []byte("rooms: 2\nrooms: 3")}, "f:2: rooms: stands twice"},
		{"a number is a number", layers{file: []byte("rooms: many")}, `f:1: rooms: must be a whole number (got "many")`},
		{"a switch is true or false", layers{file: []byte("door: {open: maybe}")}, `must be true or false (got "maybe")`},
		{"a duration has a unit", layers{file: []byte("door: {wait: 5}")}, `must be a duration such as 30s or 5m (got "5")`},
		{"a type's own words are used", layers{file: []byte("level: mid")}, `level: must be low or high (got "mid")`},
		{"a section is a mapping", layers{file: []byte("door: 5")}, "f:1: door: must be a mapping of keys"},
		{"a list is a list", layers{file: []byte("names: {a: b}")}, "f:1: names: must be a list"},
		{"a list of sections is one", layers{file: []byte("pets: rex")}, "f:1: pets: must be a list"},
		{"a value is no list", layers{file: []byte("rooms: [1]")}, "f:1: rooms: must be a single value"},
		{"a file is YAML", layers{file: []byte("a: b\n c: {")}, "f: not YAML (near line 2: a colon that is not expected"},
		{"the top is a mapping", layers{file: []byte("- a")}, "f: not YAML of keys and values"},
		{"a file is one document", layers{file: []byte("rooms: 2\n---\nrooms: 3")}, "f: must be one document"},
		{"what comes behind it is not passed over", layers{file: []byte("rooms: 2\n---\n{")}, "f: must be one document"},
		{"a mapping's own words are used", layers{file: []byte("paint: {roof: red}")}, "f:1: paint: the roof is not painted"},
		{"those of its text, too", layers{file: []byte("paint: plaid")}, "f:1: paint: must be a colour"},
		{"a mapping has each name once", layers{file: []byte("paint:\n  north: red\n  north: blue")}, "f:3: paint.north: stands twice"},
		{"a mapping is of single values", layers{file: []byte("paint: {north: [red]}")}, "f:1: paint.north: must be a single value"},
		{"a mapping is no list", layers{file: []byte("paint: [red]")}, "f:1: paint: must be a single value"},
		{"an unknown name in the environment is a fault", layers{env: []string{"WSTICKET_ROOM=1"}}, "WSTICKET_ROOM: no such setting (did you mean WSTICKET_ROOMS?)"},
		{"the environment's values are checked", layers{env: []string{"WSTICKET_ROOMS=x"}}, `WSTICKET_ROOMS: rooms: must be a whole number (got "x")`},
		{"a list of sections in the environment is YAML", layers{env: []string{"WSTICKET_PETS=rex"}}, "pets: must be a list"},
		{"a broken list in the environment", layers{env: []string{"WSTICKET_NAMES=[a"}}, "names: not a YAML list"},
		{"a setting has a key and a value", layers{set: []string{"rooms"}}, "--set: must be KEY=VALUE"},
		{"a key in capital letters is found", layers{set: []string{"Door.Wait=1s"}}, "--set: Door.Wait: no such key (did you mean door.wait?)"},
		{"a key of a list's element", layers{set: []string{"pets[0].name=rex"}}, "--set: pets[0].name: no key of a list can be set alone: set the whole list, as in pets=[{…}, {…}]"},
		{"a setting's key is known", layers{set: []string{"door.wat=1s"}}, "--set: door.wat: no such key (did you mean door.wait?)"},
		{"a setting's value is checked", layers{set: []string{"rooms=x"}}, `--set: rooms: must be a whole number`},
	} {
		row.src.fileName = "f"
		h := defaults()
		if err := load(&h, row.src); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: Load = %v, want it to say %q", row.rule, err, row.want)
		}
	}
}

func TestAllFaultsAtOnce(t *testing.T) {
	h := defaults()
	err := load(&h, layers{
		file: []byte("rooms: x\nlevel: y\nnope: 1"), env: []string{"WSTICKET_NOPE=1"}, set: []string{"x=1"},
	})
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) != 5 {
		t.Errorf("Load = %v, want five faults", err)
	}
}

// A name of one letter is two letters away from every name of two.
func TestNoSuggestionForAShortKey(t *testing.T) {
	h := defaults()
	err := load(&h, layers{fileName: "f", file: []byte("a: 1")})
	if err == nil || err.Error() != "f:1: a: no such key (there are door, rooms, level, names, pets, paint)" {
		t.Errorf("Load = %v, want no suggestion", err)
	}
}

// Nothing is read of a file that is not YAML, which check must know, because
// everything seems to be missing.
func TestNotYAML(t *testing.T) {
	for text, want := range map[string]bool{
		"a: {": true, "- a": true, "just words": true,
		"": false, "# a comment": false, "---\n": false, "~": false, "nope: 1": false,
	} {
		h := defaults()
		if err := load(&h, layers{fileName: "f", file: []byte(text)}); errors.Is(err, errNotYAML) != want {
			t.Errorf("%q: Load = %v, want errNotYAML: %v", text, err, want)
		}
	}
}

func TestFaultsAreSilentAboutYAMLContents(t *testing.T) {
	h := defaults()
	err := load(&h, layers{fileName: "f", file: []byte("door:\n  code: hunter2\n bad: [")})
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("Load = %v, want an error that does not quote the file", err)
	}
}

func TestAliases(t *testing.T) {
	h := defaults()
	if err := load(&h, layers{file: []byte("names: &n [a]\npets: [{name: x, toys: *n}]")}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(h.Pets[0].Toys, []string{"a"}) {
		t.Errorf("toys = %q", h.Pets[0].Toys)
	}
}

func TestKeys(t *testing.T) {
	h := defaults()
	var lines []string
	for _, k := range keysOf(&h) {
		lines = append(lines, strings.TrimSpace(fmt.Sprintln(k.Path, k.Env, k.Default, k.Help)))
	}
	want := []string{
		"door.code WSTICKET_DOOR_CODE  Opens it.", "door.open WSTICKET_DOOR_OPEN false", "door.wait WSTICKET_DOOR_WAIT 5m",
		"rooms WSTICKET_ROOMS 1", "level WSTICKET_LEVEL low", "names WSTICKET_NAMES []", "pets WSTICKET_PETS [] Who lives here.",
		"pets[].name   What it answers to.", "pets[].toys  []", "paint WSTICKET_PAINT map[]",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("keys:\n%s\nwant:\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
}

func TestSecretPrintsNowhere(t *testing.T) {
	type holder struct{ s Secret }
	s := NewSecret("hunter2")
	text, _ := s.MarshalText()
	out := fmt.Sprintf("%v %s %d %#v %+v %s %s", s, s, s, s, holder{s}, s.LogValue(), text)
	if strings.Contains(out, "hunter2") {
		t.Errorf("prints %q", out)
	}
	if got := (Secret{}).Reveal(); got != "" {
		t.Errorf("the zero secret reveals %q", got)
	}
}
