package service

import (
	"fmt"
	"net/http"
	"strings"
)

// about serves GET /: what somebody should know who opens the address in a
// browser.
func (s *Service) about(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = fmt.Fprintf(w, "This is wsticket. It opens WebSockets with tickets that work once.\n\n"+
		"POST /ws-ticket   with a bearer: a ticket\nGET  %s   with the ticket: the WebSocket\n", strings.Join(s.cfg.WS.Paths, " or "))
}
