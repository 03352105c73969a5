package ws

// What tests look at from outside.

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

// CloseCode is the close frame of err, where it has one.
func CloseCode(err error) (code int, reason string, ok bool) {
	last, ok := endingOf(err)
	if !ok {
		return 0, "", false
	}
	return int(last.code), last.text, true
}
