package ticket_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"wsticket/store/memstore"
	"wsticket/ticket"
)

// A ticket is issued for an identity and can be redeemed once.
func Example() {
	memory, err := memstore.New(memstore.Options{})
	if err != nil {
		panic(err)
	}
	defer memory.Close()
	service, err := ticket.New(ticket.Options{Store: memory})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()

	issued, err := service.Issue(ctx, ticket.Request{Identity: ticket.Identity{
		Issuer: "https://id.example.com", Subject: "alice", ExpiresAt: time.Now().Add(time.Hour),
	}})
	if err != nil {
		panic(err)
	}
	fmt.Println("the token prints as", issued.Token)

	grant, err := service.Redeem(ctx, issued.Token, ticket.Presentation{})
	fmt.Println("first:", grant.Identity.Subject, err)

	_, err = service.Redeem(ctx, issued.Token, ticket.Presentation{})
	fmt.Println("again:", ticket.Reason(err), errors.Is(err, ticket.ErrSpent))
	// Output:
	// the token prints as [redacted]
	// first: alice <nil>
	// again: spent true
}

// The owner of a refused ticket reads in its receipt why it was refused. The
// browser sees only close code 1006.
func ExampleService_Lookup() {
	memory, _ := memstore.New(memstore.Options{})
	defer memory.Close()
	service, _ := ticket.New(ticket.Options{Store: memory})
	ctx := context.Background()
	alice := ticket.Identity{Issuer: "https://id.example.com", Subject: "alice", ExpiresAt: time.Now().Add(time.Hour)}

	issued, _ := service.Issue(ctx, ticket.Request{Identity: alice, Origin: "https://app.example.com"})
	_, err := service.Redeem(ctx, issued.Token, ticket.Presentation{Origin: "https://evil.example"})
	fmt.Println(err)

	receipt, _ := service.Lookup(ctx, issued.ID, alice)
	fmt.Println(receipt.State, receipt.Reason)
	// Output:
	// redeem: ticket is for another origin
	// refused wrong_origin
}

// ParseToken accepts exactly one spelling of a token.
func ExampleParseToken() {
	_, err := ticket.ParseToken("wst1_not-a-token")
	fmt.Println(err)
	// Output: parse token: shape: malformed token
}

// One sink goes to the Events of every part: package ticket, gate, live, api
// and ws. Then each refusal has a line that says why.
func ExampleLogSink() {
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{} // so that the output is always the same
		}
		return a
	}}))
	events := ticket.LogSink(logger)
	events.Emit(context.Background(), ticket.Event{
		Kind: ticket.EventRequest, Request: ticket.RequestInfo{ID: "r-1"}, Outcome: "refused", Reason: "origin_not_allowed",
		Attrs: []slog.Attr{slog.String("origin", "https://evil.example")},
		HTTP:  ticket.HTTPAnswer{Method: "GET", Path: "/ws", Status: 403},
	})
	// Output:
	// level=INFO msg=request method=GET path=/ws status=403 took=0s request_id=r-1 outcome=refused reason=origin_not_allowed origin=https://evil.example
}
