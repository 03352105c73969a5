package main

import (
	"fmt"
	"io"
	"strings"

	"wsticket/internal/maskurl"
	"wsticket/ticket"
)

// say prints a line for people. What a stranger has put into one of its values is
// shown and does nothing: it cannot begin another line, either.
func say(out io.Writer, format string, args ...any) error {
	_, err := fmt.Fprintln(out, ticket.Escape(fmt.Sprintf(format, args...)))
	return err
}

// sayError prints an error, which may have several lines, behind the name of the
// program. A value of a flag that it quotes may be a URL with a password.
func sayError(out io.Writer, err error) {
	before := "wsticket: "
	for line := range strings.SplitSeq(maskurl.HideQuoted(err.Error()), "\n") {
		_ = say(out, "%s%s", before, line)
		before = ""
	}
}
