package service

import (
	"strings"
	"testing"

	"wsticket/internal/test"
)

const (
	sealKeyA = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	sealKeyB = "//////////////////////////////////////////8="
)

func TestReadSealKeys(t *testing.T) {
	file := test.WriteFile(t, "seal.keys", "# rotated in November\n"+sealKeyA+"\n\n  "+sealKeyB+"\r\n")
	keys, err := readSealKeys(file)
	if err != nil || len(keys) != 2 || keys[0][31] != 31 || keys[1][0] != 0xff {
		t.Errorf("readSealKeys = %v, %v, want both in order", keys, err)
	}
	if keys, err := readSealKeys(""); keys != nil || err != nil {
		t.Errorf("no file = %v, %v, want nothing", keys, err)
	}
}

func TestBadSealKeyFiles(t *testing.T) {
	for rule, row := range map[string][2]string{
		"a key that is too short":  {sealKeyA + "\nAAECAwQFBgc=\n", "line 2 must be base64 of 32 bytes"},
		"a key that is not base64": {"not-a-key-" + sealKeyA, "line 1 must be base64"},
		"an empty file":            {"\n# none\n", "holds no key"},
	} {
		_, err := readSealKeys(test.WriteFile(t, "seal.keys", row[0]))
		if err == nil || !strings.Contains(err.Error(), row[1]) || strings.Contains(err.Error(), sealKeyA[:20]) {
			t.Errorf("%s: readSealKeys = %v, want it to say %q and to keep the key", rule, err, row[1])
		}
	}
	if _, err := readSealKeys("/nowhere/seal.keys"); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("a missing file = %v", err)
	}
}
