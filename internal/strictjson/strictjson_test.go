package strictjson_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"wsticket/internal/strictjson"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ rule, data, want string }{
		{"a scalar is one value", `5`, ""},
		{"white space around the value is nothing", " \n{} \t", ""},
		{"objects and arrays within the bound", `{"a":[{"b":1}],"c":[]}`, ""},
		{"one name in two objects is no duplicate", `{"a":{"x":1},"b":{"x":1},"x":1}`, ""},
		{"one text as name and value is no duplicate", `{"a":"a","b":["a","a"]}`, ""},
		{"quotes, brackets and commas inside strings are text", `{"a":"\"}],{:","b":"\\"}`, ""},
		{"a surrogate pair is one character", `"\ud83d\ude00"`, ""},
		{"an escaped backslash before u is no escape", `"\\ud800"`, ""},
		{"an escape that is no surrogate", `"\u00e9\n\u0041"`, ""},
		{"U+FFFD itself is valid text", `"\ufffd"`, ""},

		{"nothing is no value", "", "one JSON value"},
		{"data after the value", `{}{"sub":"admin"}`, "one JSON value"},
		{"garbage after the value", `{}x`, "one JSON value"},
		{"a trailing comma", `{"a":1,}`, "one JSON value"},
		{"a mismatched bracket", `[1}`, "one JSON value"},
		{"a byte order mark", "\ufeff{}", "one JSON value"},
		{"a raw control character in a string", "\"a\nb\"", "one JSON value"},
		{"UTF-16 text", "{\x00}\x00", "one JSON value"},
		{"a string that does not end", `"abc\"`, "one JSON value"},
		{"a name without quotes", `{a:1}`, "one JSON value"},

		{"invalid UTF-8 in a value", "\"\xff\"", "UTF-8"},
		{"an encoded surrogate (CESU)", "\"\xed\xa0\x80\"", "UTF-8"},
		{"an overlong encoding", "\"\xc0\xaf\"", "UTF-8"},

		{"a lone high surrogate", `"\ud800"`, "surrogate"},
		{"a lone low surrogate", `"\udc00"`, "surrogate"},
		{"a high surrogate before other text", `"\ud800abcdefg"`, "surrogate"},
		{"two high surrogates", `"\ud800\ud800"`, "surrogate"},
		{"a pair the wrong way round", `"\udc00\ud800"`, "surrogate"},
		{"a third half after a pair", `"\ud83d\ude00\ude00"`, "surrogate"},
		{"a lone surrogate in a name", `{"\uD800":1}`, "surrogate"},

		{"the same name twice", `{"a":1,"a":2}`, "differ only by case"},
		{"the same name twice, deep inside", `[{"x":{"a":1,"b":{},"a":2}}]`, "differ only by case"},
		{"names that differ by case", `{"sub":"u","SUB":"admin"}`, "differ only by case"},
		{"the long s is an s to encoding/json", `{"sub":"u","ſub":"admin"}`, "differ only by case"},
		{"the Kelvin sign is a k to encoding/json", `{"kid":"u","\u212aid":"admin"}`, "differ only by case"},
		{"the same name spelt with an escape", `{"sub":1,"s\u0075b":2}`, "differ only by case"},
		{"the empty name twice", `{"":1,"":2}`, "differ only by case"},
		{"a name again after a nested object", `{"a":{"b":1},"A":1}`, "differ only by case"},

		{"one level too deep", `[[[[[1]]]]]`, "too deep"},
		{"objects count as depth", `{"a":{"a":{"a":{"a":{}}}}}`, "too deep"},
		{"200 000 arrays", strings.Repeat("[", 200_000), "one JSON value"},
		{"9 000 objects", strings.Repeat(`{"a":`, 9000) + "1" + strings.Repeat("}", 9000), "too deep"},
	} {
		err := strictjson.Check([]byte(row.data), 4)
		if got := text(err); row.want == "" && err != nil || !strings.Contains(got, row.want) {
			t.Errorf("%s: got error %q, want %q", row.rule, got, row.want)
		}
	}
}

func TestCheckDepthZeroAllowsOnlyScalars(t *testing.T) {
	t.Parallel()
	if err := strictjson.Check([]byte(`"x"`), 0); err != nil {
		t.Errorf("scalar: got %v, want nil", err)
	}
	if err := strictjson.Check([]byte(`[]`), 0); err == nil {
		t.Error("array: got nil, want an error")
	}
}

// No prefix of a document is a document.
func TestCheckEverySyntaxError(t *testing.T) {
	t.Parallel()
	const good = `{"a":[1,-2.5e3,true,null,"x\u00e9\ud83d\ude00"],"b":{"c":"\\","d":{}}}`
	if err := strictjson.Check([]byte(good), 4); err != nil {
		t.Fatalf("the whole: got %v, want nil", err)
	}
	for i := range good {
		if strictjson.Check([]byte(good[:i]), 4) == nil {
			t.Errorf("cut at %d: got nil, want an error", i)
		}
	}
}

// An object with many names in mixed case does not take long.
func TestCheckIsLinear(t *testing.T) {
	t.Parallel()
	var document strings.Builder
	for n := range 50_000 {
		document.WriteString(map[bool]string{true: "{", false: ","}[n == 0])
		document.WriteString(`"` + strings.Repeat("K", n%7) + string(rune('a'+n%26)) + strconv.Itoa(n) + `":1`)
	}
	document.WriteString("}")
	if err := strictjson.Check([]byte(document.String()), 1); err != nil {
		t.Errorf("got %v, want nil", err)
	}
}

func BenchmarkCheck(b *testing.B) {
	data := []byte(`{"iss":"https://id.example.com","sub":"u-1","aud":["ws"],"exp":1900000000,"realm_access":{"roles":["a","b"]}}`)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if err := strictjson.Check(data, 8); err != nil {
			b.Fatal(err)
		}
	}
}

func TestMembers(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ rule, data, want string }{
		{"each member, as it stands", `{"ttl":5,"name":"\u00e9","none":null}`, `name="\u00e9" none=null ttl=5`},
		{"none", ` {} `, ""},
		{"without the white space around it", "\t{ \"a\" :\n 1 ,\r\"b\": [ 2 ] }\n", `a=1 b=[ 2 ]`},
		{"by its decoded name", `{"s\u0075b":1}`, `sub=1`},
		{"nested ones whole and not by themselves", `{"a":{"x":[1,{"y":2}],"z":"},"},"b":"{\"c\":3}"}`, `a={"x":[1,{"y":2}],"z":"},"} b="{\"c\":3}"`},
		{"an empty name is one", `{"":0}`, `=0`},

		{"an array is no object", `[{"secret-marker":1}]`, "error"},
		{"null is no object", " null\n", "error"},
		{"a string is no object", `"secret-marker"`, "error"},
		{"two objects are refused", `{} {}`, "error"},
		{"too deep is refused", `{"secret-marker":[[[["x"]]]]}`, "error"},
		{"a name twice is refused", `{"secret-marker":1,"secret-marker":1}`, "error"},
	} {
		members, err := strictjson.Members([]byte(row.data), 4)
		var got []string
		for _, name := range slices.Sorted(maps.Keys(members)) {
			got = append(got, name+"="+string(members[name]))
		}
		if err != nil {
			got = []string{"error"}
		}
		if strings.Join(got, " ") != row.want {
			t.Errorf("%s: got %q, %v, want %q", row.rule, got, err, row.want)
		}
		if strings.Contains(text(err), "marker") {
			t.Errorf("%s: error quotes the input: %v", row.rule, err)
		}
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{`"a b"`: "a b", `""`: "", `"é"`: "é", `"\u00e9\n\"\ud83d\ude00"`: "é\n\"😀", `"\\"`: `\`} {
		if got, ok := strictjson.Text(json.RawMessage(value)); !ok || got != want {
			t.Errorf("Text(%s) = %q, %t, want %q", value, got, ok, want)
		}
	}
	for _, value := range []string{"", "5", "null", `{"a":"b"}`, `["a"]`} {
		if got, ok := strictjson.Text(json.RawMessage(value)); ok {
			t.Errorf("Text(%s) = %q, want none", value, got)
		}
	}
}

// FuzzCheck compares Check with encoding/json: what Check accepts can be decoded,
// and encoding the result loses neither a name nor a character.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{
		`{"a":[1,"x",{"b":null}]}`, `"\ud83d\ude00"`, `"\ud800"`, `{"a":1,"A":2}`, `{"s\u0075b":1,"sub":2}`, "\"\xff\"", `{}{}`, `[[[[[[]]]]]]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if strictjson.Check(data, 5) != nil {
			return
		}
		var first, second any
		decode(t, data, &first)
		sameMembers(t, data, first)
		again, err := json.Marshal(first)
		if err != nil {
			t.Fatalf("encode: %v", err)
		}
		decode(t, again, &second)
		if err := strictjson.Check(again, 5); err != nil {
			t.Errorf("encoded again: %v", err)
		}
		if got, want := names(t, again), names(t, data); got != want {
			t.Errorf("names and strings: got %d after decoding, want %d", got, want)
		}
	})
}

// sameMembers compares Members and Text with the result of encoding/json.
func sameMembers(t *testing.T, data []byte, decoded any) {
	t.Helper()
	object, isObject := decoded.(map[string]any)
	members, err := strictjson.Members(data, 5)
	if (err == nil) != isObject || len(members) != len(object) {
		t.Fatalf("got %d members, %v, want %d", len(members), err, len(object))
	}
	for name, value := range members {
		var got any
		decode(t, value, &got)
		if want, known := object[name]; !known || !reflect.DeepEqual(got, want) {
			t.Errorf("member %q: got %v, want %v", name, got, want)
		}
		said, ok := strictjson.Text(value)
		if want, isText := object[name].(string); ok != isText || said != want {
			t.Errorf("member %q: got text %q, %t, want %q", name, said, ok, want)
		}
	}
}

func decode(t *testing.T, data []byte, v any) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if err := decoder.Decode(v); err != nil {
		t.Fatalf("accepted but does not decode: %v", err)
	}
}

// names returns the number of tokens in data. It shows if decoding drops a name.
func names(t *testing.T, data []byte) int {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	count := 0
	for {
		if _, err := decoder.Token(); err != nil {
			return count
		}
		count++
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
