package accesslog

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"time"
)

// writer records the status of a response or the moment of a hijack, and reports
// the entry. It holds all state of a request, so that each request needs only one
// allocation.
type writer struct {
	http.ResponseWriter
	record
	ctx    context.Context // of the request, for the sink
	now    func() time.Time
	sink   func(context.Context, Entry)
	status int
	done   bool // the entry has been reported
	served bool // the handler has returned
}

// WriteHeader records the first final status. Informational responses may come
// before it; 101 is final.
func (w *writer) WriteHeader(status int) {
	if w.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.status, w.answered = status, true
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implies the status 200 if there was none before, as in net/http.
func (w *writer) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status, w.answered = http.StatusOK, true
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap supports [http.ResponseController].
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Hijack hands over the connection and reports the entry, because the request
// ends here, however long the connection lives.
func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil {
		w.answered = true
		w.once(http.StatusSwitchingProtocols)
	}
	return conn, rw, err
}

func (w *writer) finish() {
	if w.status == 0 && w.served {
		w.status = http.StatusOK
	}
	w.once(w.status)
}

func (w *writer) once(status int) {
	if w.done {
		return
	}
	w.done = true
	e, n := w.entry, w.note
	e.Took, e.Status = w.now().Sub(e.Start), status
	e.Route, e.TicketID, e.Door = n.Route, n.TicketID, n.Door
	e.Issuer, e.Subject = n.Issuer, n.Subject
	e.Caller, e.Outcome, e.Reason, e.Attrs = n.Caller, n.Outcome, n.Reason, n.Attrs
	w.sink(w.ctx, e)
}
