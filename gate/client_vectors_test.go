package gate_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"wsticket/gate"
	"wsticket/internal/problem"
)

// clientVectors is testdata/vectors/client.json: what a client does after a failure.
type clientVectors struct {
	Closes []struct {
		Code   uint16
		Action string
	}
	Answers []struct {
		Status       int
		Code, Action string
		Wait         int
	}
}

func readVectors[T any](t *testing.T, name string) (file T) {
	t.Helper()
	text, err := os.ReadFile("../testdata/vectors/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	return file
}

// What a client does after each problem is what the table advises.
func TestClientVectorsOfAnswers(t *testing.T) {
	t.Parallel()
	actions := map[gate.Advice]string{
		gate.FixRequest: "stop", gate.GiveUp: "stop", gate.Forget: "stop",
		gate.FreshBearer: "refresh", gate.BackOff: "retry", gate.Wait: "retry",
	}
	seen := map[string]bool{problem.InvalidTicket.Code: true} // which POST /ws-ticket does not answer
	for _, row := range readVectors[clientVectors](t, "client.json").Answers {
		seen[row.Code] = true
		want := gate.NewRefusal(row.Code)
		if row.Status != want.Status || row.Action != actions[want.Advice] || row.Wait > 0 != (want.Advice == gate.Wait) {
			t.Errorf("%+v: want the status %d and an action for %q", row, want.Status, want.Advice)
		}
	}
	type problems struct{ Problems []struct{ Code string } }
	for _, p := range readVectors[problems](t, "errors.json").Problems {
		if !seen[p.Code] {
			t.Errorf("problem %s is not among the answers of client.json", p.Code)
		}
	}
}

// What a client does after each close code is what close_codes.json says in one word
// more.
func TestClientVectorsOfCloses(t *testing.T) {
	t.Parallel()
	actions := make(map[uint16]string)
	for _, row := range readVectors[clientVectors](t, "client.json").Closes {
		actions[row.Code] = row.Action
	}
	groups := strings.NewReplacer("reconnect", "retry", "backoff", "retry", "sign_in", "stop")
	type codes struct {
		Codes []struct {
			Code   uint16
			Action string
		}
	}
	for _, row := range readVectors[codes](t, "close_codes.json").Codes {
		if want := groups.Replace(row.Action); actions[row.Code] != want {
			t.Errorf("close code %d: got the action %q, want %q", row.Code, actions[row.Code], want)
		}
	}
}
