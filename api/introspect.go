package api

import (
	"log/slog"
	"net/http"
	"net/url"

	"wsticket/internal/accesslog"
	"wsticket/ticket"
)

// introspect serves POST /introspect (RFC 7662): it returns the grant of a
// ticket without spending it. Nobody may be admitted because of it, so that each
// answer has "consumed": false. A key that is for other audiences gets the answer of
// an unknown ticket.
func (s *Server) introspect(w http.ResponseWriter, r *http.Request, by keyholder) error {
	data, err := readBody(w, r, typeForm)
	if err != nil {
		return err
	}
	text, err := formValue(data, "token")
	if err != nil {
		return err
	}
	spent := false
	token, err := ticket.ParseToken(text)
	if err != nil {
		return inactive(w, r, err, consumed{Consumed: &spent})
	}
	accesslog.NoteOf(r.Context()).TicketID = string(token.ID())
	grant, err := s.o.Introspector.Introspect(r.Context(), token)
	if err == nil && !by.mayHave(grant.Audience) {
		err = ticket.WithAttrs(ticket.ErrWrongAudience, slog.String("audience", grant.Audience), ticket.Expected(by.key.Audiences...))
	}
	if err != nil {
		return inactive(w, r, err, consumed{Consumed: &spent})
	}
	answer := consumedOf(grant)
	answer.Consumed = &spent
	done(r, "read")
	writeJSON(w, http.StatusOK, answer)
	return nil
}

// formValue returns a parameter of a form, which is required. Unknown parameters are
// ignored (RFC 7662 2.1), and repeated ones refused (RFC 6749 3.2).
func formValue(form []byte, name string) (string, error) {
	fields, err := url.ParseQuery(string(form))
	if err != nil {
		return "", badRequest("body: not a form")
	}
	for _, values := range fields {
		if len(values) > 1 {
			return "", badRequest("body: a parameter stands twice")
		}
	}
	text := fields.Get(name)
	if text == "" {
		return "", badMember(name, "required")
	}
	return text, nil
}
