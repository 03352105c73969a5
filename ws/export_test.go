package ws

// What tests look at from outside.

// TicketInQuery is ticketInQuery, and tells which of the two errors it was.
func TicketInQuery(raw, parameter string) (value string, found bool, reason string) {
	value, found, err := ticketInQuery(raw, parameter)
	if err != nil {
		reason = refusalOf(err).reason
	}
	return value, found, reason
}

// Negotiate parses an offer and chooses of it.
func Negotiate(lines, served []string) (tickets []string, chosen string, ok bool) {
	o, err := parseOffer(lines)
	if err != nil {
		return nil, "", false
	}
	chosen, err = o.choose(served)
	return o.tickets, chosen, err == nil
}

// ValidExtensions is validExtensions.
func ValidExtensions(lines []string) bool { return validExtensions(lines) }

// Answer is the row that err finds.
func Answer(err error) (status int, code, reason string, header []string) {
	row := refusalOf(err)
	return row.problem.Status, row.problem.Code, row.reason, row.header
}

// HasRow tells whether the table of refusals has a row for err itself.
func HasRow(err error) bool {
	for _, row := range refusals() {
		//nolint:errorlint // The row itself is looked for, not one that err wraps.
		if row.err == err {
			return true
		}
	}
	return false
}
