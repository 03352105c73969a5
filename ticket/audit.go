package ticket

import "time"

// AuditRecord is an [Event] as the audit trail keeps it: who did what with which ticket,
// from where, and how it ended (ASVS 16.2.1). Like the event, it holds no secret and
// nothing of a request that was not checked or escaped. Times are UTC with milliseconds.
type AuditRecord struct {
	// Instance names the process that has seen it: random, another one after each start.
	// Seq is its place among the records of that process, from 1.
	Instance string `json:"instance"`
	Seq      uint64 `json:"seq"`
	// At is when it was recorded, which is when it had ended. Records of one process are
	// in the order of Seq, whatever its clock did.
	At     time.Time `json:"at"`
	Event  EventKind `json:"event"`
	Action Action    `json:"action,omitempty"`
	// Outcome and Reason are words as in the log; see [Reason].
	Outcome string `json:"outcome,omitempty"`
	Reason  string `json:"reason,omitempty"`

	Issuer    string `json:"iss,omitempty"`
	Subject   string `json:"sub,omitempty"`
	SessionID string `json:"sid,omitempty"`
	ClientID  string `json:"client_id,omitempty"`
	TokenID   string `json:"jti,omitempty"`
	// TicketID is that of the ticket and of the connection that it opened.
	TicketID ID     `json:"ticket_id,omitempty"`
	Audience string `json:"audience,omitempty"`

	Door     Door   `json:"door,omitempty"`
	Origin   string `json:"origin,omitempty"`
	ClientIP string `json:"client_ip,omitempty"`
	// UserAgent is cut and escaped.
	UserAgent string `json:"user_agent,omitempty"`
	// Route is the pattern of the path that was requested.
	Route     string `json:"route,omitempty"`
	RequestID string `json:"request_id,omitempty"`
	// TraceID is that of the W3C traceparent of the request, 32 hex digits.
	TraceID string `json:"trace_id,omitempty"`
	// Caller is the configured name of the program that sent the request.
	Caller string `json:"caller,omitempty"`
	// Fence is the replication identity of the store, empty for one without.
	Fence string `json:"fence,omitempty"`

	// CloseCode and ClosedBy are of a disconnect; see [Closed].
	CloseCode uint16 `json:"close_code,omitempty"`
	ClosedBy  string `json:"closed_by,omitempty"`
	// DurationMS is how long it took; of a disconnect, how long the connection lasted.
	DurationMS int64 `json:"duration_ms,omitempty"`
	// Details are further words: what did not fit, or what was revoked.
	Details map[string]string `json:"details,omitempty"`
	// Hash chains the record to the one before it of the same process; see package audit.
	Hash []byte `json:"hash,omitempty"`
}

// AuditKinds returns the kinds of the events that the audit trail keeps: all but
// [EventRequest], which is the access log.
func AuditKinds() []EventKind {
	return []EventKind{
		EventIssue, EventRedeem, EventRefuse, EventReplay, EventTripwire, EventRecheck, EventFence, EventRevoke,
		EventAdmit, EventConnect, EventRenew, EventDisconnect, EventLimit, EventLost,
	}
}

// AuditQuery selects records of the audit trail. Empty fields select everything.
type AuditQuery struct {
	// Subject is in the form of [AuditText].
	Subject  string
	TicketID ID
	Event    EventKind
	// Since is the earliest At.
	Since time.Time
	// Limit bounds the records of the answer. Required.
	Limit int
	// Cursor is AuditPage.Cursor of the page before. It is opaque.
	Cursor string
	// Newest asks for the newest records first. The order is otherwise that of At, and of
	// Instance and Seq for equal times.
	Newest bool
}

// AuditPage is a part of what an [AuditQuery] selects.
type AuditPage struct {
	Records []AuditRecord `json:"records"`
	// Cursor continues after the last record. It is empty where there are no more.
	Cursor string `json:"cursor,omitempty"`
}
