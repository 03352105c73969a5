package service

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"

	"wsticket/cmd/wsticket/internal/config"
	"wsticket/internal/webhook"
	"wsticket/ticket"
)

// buildWebhook makes the webhook, if there is one. What it needs is checked in the
// settings, apart from the file.
func (s *Service) buildWebhook() error {
	cfg := s.cfg.Webhook
	if cfg.URL == "" {
		return nil
	}
	secret, err := s.current().webhookSecret()
	if err != nil {
		return err
	}
	s.webhook = webhook.New(webhook.Options{URL: cfg.URL, Secret: secret, AllowPrivate: cfg.Insecure, Logger: s.log})
	s.metrics.Webhook(s.webhook.Stats)
	return nil
}

// webhookSecret reads what signs the requests of the webhook. Without a file, which is a
// fault of the settings, and without a webhook there is none.
func (s *generation) webhookSecret() ([]byte, error) {
	if s.cfg.Webhook.URL == "" || s.cfg.Webhook.SecretFile == "" {
		return nil, nil
	}
	f := config.NewFaults()
	secret, err := webhook.ReadSecret(s.cfg.Webhook.SecretFile)
	f.Add("webhook.secret_file", err)
	return secret, f.Err()
}

// post passes an event to the webhook, if it is of a kind that the settings name.
func (s *Service) post(e *ticket.Event) {
	if s.webhook == nil || !slices.Contains(s.cfg.Webhook.Events, string(e.Kind)) {
		return
	}
	if body, err := json.Marshal(posted(e)); err == nil { // texts and numbers always can be
		s.webhook.Send(body)
	}
}

// postedEvent is an event in the body of a webhook; see docs/webhook.md. It
// names the user, whatever log.subject says: that is what its receiver acts on.
type postedEvent struct {
	Kind       ticket.EventKind  `json:"kind"`
	Action     ticket.Action     `json:"action,omitempty"`
	At         time.Time         `json:"at"`
	DurationMS int64             `json:"duration_ms"`
	TicketID   ticket.ID         `json:"ticket_id,omitempty"`
	Issuer     string            `json:"iss,omitempty"`
	Subject    string            `json:"sub,omitempty"`
	SessionID  string            `json:"sid,omitempty"`
	Audience   string            `json:"audience,omitempty"`
	Door       ticket.Door       `json:"door,omitempty"`
	Outcome    string            `json:"outcome,omitempty"`
	Reason     string            `json:"reason,omitempty"`
	RequestID  string            `json:"request_id,omitempty"`
	TraceID    string            `json:"trace_id,omitempty"`
	Caller     string            `json:"caller,omitempty"`
	ClientIP   string            `json:"client_ip,omitempty"`
	Details    map[string]string `json:"details,omitempty"`
	Revocation *postedRevocation `json:"revocation,omitempty"`
	Closed     *postedClosed     `json:"closed,omitempty"`
}

type postedRevocation struct {
	ID     string                  `json:"id"`
	Action ticket.RevocationAction `json:"action"`
	ticket.Selector
	Before time.Time `json:"before"`
	Source string    `json:"source,omitempty"`
	Reason string    `json:"reason,omitempty"`
}

// postedClosed counts traffic of relayed connections only.
type postedClosed struct {
	Code         uint16         `json:"code"`
	By           string         `json:"by"`
	FromClient   *postedTraffic `json:"from_client,omitempty"`
	FromUpstream *postedTraffic `json:"from_upstream,omitempty"`
}

type postedTraffic struct {
	Messages uint64 `json:"messages"`
	Bytes    uint64 `json:"bytes"`
}

func posted(e *ticket.Event) postedEvent {
	p := postedEvent{
		Kind: e.Kind, Action: e.Action, At: e.At.UTC(), DurationMS: e.Duration.Milliseconds(), TicketID: e.TicketID,
		Issuer: e.Identity.Issuer, Subject: e.Identity.Subject, SessionID: e.Identity.SessionID,
		Audience: e.Presentation.Audience, Door: e.Presentation.Door,
		Outcome: e.Outcome, Reason: e.Reason, RequestID: e.Request.ID, TraceID: e.Request.TraceID, Caller: e.Request.Caller, Details: ticket.Details(e.Attrs),
	}
	if client := cmp.Or(e.Presentation.ClientIP, e.Request.ClientIP); client.IsValid() {
		p.ClientIP = client.String()
	}
	if r := e.Revocation; r != nil {
		p.Revocation = &postedRevocation{r.ID, r.Action, r.Selector, r.Before.UTC(), r.Source, r.Reason}
	}
	if e.Kind == ticket.EventDisconnect {
		p.Closed = closedOf(e.Closed)
	}
	return p
}

func closedOf(c ticket.Closed) *postedClosed {
	p := &postedClosed{Code: c.Code, By: c.By}
	if c.Relayed {
		p.FromClient, p.FromUpstream = &postedTraffic{c.FromClient.Messages, c.FromClient.Bytes}, &postedTraffic{c.FromUpstream.Messages, c.FromUpstream.Bytes}
	}
	return p
}
