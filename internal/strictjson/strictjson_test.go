package strictjson_test

import (
	"bytes"
	"encoding/json"
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

// TestCheckEverySyntaxError cuts a good document at each byte: no part of it is
// a document.
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

// TestCheckIsLinear: many names, and many spellings of case, in one object.
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

func TestUnmarshal(t *testing.T) {
	t.Parallel()
	type body struct {
		TTL  int    `json:"ttl"`
		Name string `json:"name"`
	}
	for _, row := range []struct {
		rule, data string
		want       body
		ok         bool
	}{
		{"known names are decoded", `{"ttl":5,"name":"é"}`, body{5, "é"}, true},
		{"absent names keep their zero value", `{}`, body{}, true},
		{"an unknown name is refused", `{"ttl":5,"secret-marker":1}`, body{}, false},
		{"a wrong type is refused", `{"ttl":"secret-marker"}`, body{}, false},
		{"a fraction is no integer", `{"ttl":30.5}`, body{}, false},
		{"an array is no object", `[]`, body{}, false},
		{"null says nothing and is refused", " null\n", body{}, false},
		{"two objects are refused", `{} {}`, body{}, false},
		{"too deep is refused", `{"name":[[["x"]]]}`, body{}, false},
	} {
		var got body
		err := strictjson.Unmarshal([]byte(row.data), &got, 2)
		if (err == nil) != row.ok {
			t.Errorf("%s: got error %v, want ok %t", row.rule, err, row.ok)
		}
		if row.ok && got != row.want {
			t.Errorf("%s: got %+v, want %+v", row.rule, got, row.want)
		}
		if strings.Contains(text(err), "marker") {
			t.Errorf("%s: error quotes the input: %v", row.rule, err)
		}
	}
}

// FuzzCheck holds Check against encoding/json: what it accepts decodes, and
// encoding what was decoded loses neither a name nor a character.
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

func decode(t *testing.T, data []byte, v any) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if err := decoder.Decode(v); err != nil {
		t.Fatalf("accepted but does not decode: %v", err)
	}
}

// names counts the tokens of data; a name that decoding dropped is missing.
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
