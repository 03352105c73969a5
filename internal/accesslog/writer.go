package accesslog

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"time"
)

// writer notes the status of an answer and the moment of a hijack, and writes
// the entry. It is all that is kept of a request, so that there is one thing to
// make for each.
type writer struct {
	http.ResponseWriter
	record
	ctx    context.Context // of the request, for the sink
	now    func() time.Time
	sink   func(context.Context, Entry)
	status int
	done   bool // the entry is written
	served bool // the handler has returned
}

// WriteHeader notes the first final status. Informational answers may come
// before it; 101 is a final one.
func (w *writer) WriteHeader(status int) {
	if w.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.status, w.answered = status, true
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write answers with 200 where no status came before, as net/http does.
func (w *writer) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status, w.answered = http.StatusOK, true
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap is for [http.ResponseController].
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Hijack hands over the connection and writes the entry: how long the
// connection lives from here on is not the request's matter.
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
	e.Caller, e.Outcome, e.Reason = n.Caller, n.Outcome, n.Reason
	w.sink(w.ctx, e)
}
