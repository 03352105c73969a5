package live

import (
	"encoding/json"
	"slices"
	"testing"

	"wsticket/ticket"
)

// A page of several processes has what each of them has, in one order, and says
// whose answer is missing.
func TestMergeOfProcesses(t *testing.T) {
	t.Parallel()
	answer := func(count int, ids ...ticket.ID) json.RawMessage {
		p := page{Count: count}
		for _, id := range ids {
			p.Connections = append(p.Connections, Summary{ID: id})
		}
		data, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	got := merge(Query{Limit: 4}, answers{
		By: map[string]json.RawMessage{
			"n1": answer(3, "a", "d", "e"), "n2": answer(2, "b", "d"), "n3": answer(0),
			"older": json.RawMessage("null"), "odd": json.RawMessage(`{"count":"x"}`),
		},
		Missing: []string{"slow", "far"},
	})
	var ids []ticket.ID
	for _, c := range got.Connections {
		ids = append(ids, c.ID)
	}
	if want := []ticket.ID{"a", "b", "d", "e"}; !slices.Equal(ids, want) || got.Next != "" {
		t.Errorf("got %v, next %q, want %v and no other page", ids, got.Next, want)
	}
	if want := []Node{{"n1", 3}, {"n2", 2}, {"n3", 0}}; !slices.Equal(got.Nodes, want) {
		t.Errorf("nodes: got %v, want %v", got.Nodes, want)
	}
	if want := []string{"far", "slow", "odd", "older"}; !slices.Equal(got.Missing, want) {
		t.Errorf("missing: got %q, want %q", got.Missing, want)
	}
	if got.Connections[1].Node != "n2" {
		t.Errorf("b is of %q, want n2", got.Connections[1].Node)
	}
}

// A yes of one process counts, whoever else is missing.
func TestHas(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]bool{"true": true, "false": false, "null": false, `"true"`: false} {
		if got := has(answers{By: map[string]json.RawMessage{"a": json.RawMessage("false"), "b": json.RawMessage(answer)}}); got != want {
			t.Errorf("%s: got %t, want %t", answer, got, want)
		}
	}
}
