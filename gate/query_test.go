package gate

import (
	"errors"
	"strings"
	"testing"
)

const (
	jwt   = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.MARKER-7f3a"
	inURL = "credential_in_url"
)

// inQuery reports which of the errors it was.
func inQuery(raw, parameter string) (value string, found bool, reason string) {
	value, found, err := ticketInQuery(raw, parameter)
	if fault, ok := errors.AsType[*Error](err); ok {
		reason = fault.Reason()
	}
	return value, found, reason
}

func TestTicketInQuery(t *testing.T) {
	const token = "wst1_abc"
	tests := []struct {
		rule, raw string
		value     string
		found     bool
		reason    string // of the refusal
	}{
		{"nothing", "", "", false, ""},
		{"the ticket alone", "ticket=" + token, token, true, ""},
		{"the ticket first", "ticket=" + token + "&room=1", token, true, ""},
		{"the ticket last", "room=1&ticket=" + token, token, true, ""},
		{"empty pairs are nothing", "&&ticket=" + token + "&", token, true, ""},
		{"the value is not decoded", "ticket=a+b", "a+b", true, ""},
		{"an equals sign belongs to the value", "ticket=a=b", "a=b", true, ""},
		{"an empty value is a ticket, though no good one", "ticket=", "", true, ""},
		{"other parameters may hold escapes", "room=%41%20b&ticket=" + token, token, true, ""},
		{"other parameters may hold semicolons", "room=a;b&ticket=" + token, token, true, ""},
		{"a longer name is another one", "ticket2=x", "", false, ""},
		{"a list of Rails or PHP is another one", "ticket[]=x", "", false, ""},
		{"a second question mark belongs to the name", "?ticket=x", "", false, ""},
		{"a name within a value is none", "next=ticket=x", "", false, ""},
		{"twice", "ticket=a&ticket=b", "", false, "query"},
		{"twice the same", "ticket=a&ticket=a", "", false, "query"},
		{"twice, once without a value", "ticket=a&ticket", "", false, "query"},
		{"without a value", "ticket", "", false, "query"},
		{"another case", "Ticket=a", "", false, "query"},
		{"another case beside the right one", "ticket=a&TICKET=b", "", false, "query"},
		{"an escape in the name", "tick%65t=a", "", false, "query"},
		{"an escape in the name beside the right one", "tick%65t=a&ticket=b", "", false, "query"},
		{"white space in the name, which some trim", "+ticket=a", "", false, "query"},
		{"a dotless i in the name, whose upper case is I", "t\u0131cket=a", "", false, "query"},
		{"a long s in a name of bearers, whose upper case is S", "acce\u017fs_token=x", "", false, inURL},
		{"the Kelvin sign in the name, which some fold", "tic\u212aet=a", "", false, "query"},
		{"an escape in the value", "ticket=%77st1_", "", false, "query"},
		{"an escape that is none, in the value", "ticket=a%zz", "", false, "query"},
		{"an escape that is none, elsewhere", "room=100%&ticket=a", "", false, "query"},
		{"an escape that is none, in a name", "%&ticket=a", "", false, "query"},
		{"a semicolon behind the value", "ticket=a;", "", false, "query"},
		{"a semicolon before the name", "x;ticket=a", "", false, "query"},
		{"two by a semicolon", "ticket=a;ticket=b", "", false, "query"},
		{"one hidden by a semicolon", "x=1;Ticket=a", "", false, "query"},
		{"access_token", "access_token=x", "", false, inURL},
		{"access_token without a value", "access_token", "", false, inURL},
		{"access_token in another case", "Access_Token=x", "", false, inURL},
		{"access_token with an escape", "access%5ftoken=x", "", false, inURL},
		{"access_token behind a semicolon", "a=1;access_token=x", "", false, inURL},
		{"token", "token=x", "", false, inURL},
		{"token beside a ticket", "ticket=a&token=x", "", false, inURL},
		{"a longer name is another one", "csrf_token=x", "", false, ""},
		{"a JWT in any parameter", "x=" + jwt, "", false, inURL},
		{"a JWT as the ticket", "ticket=" + jwt, "", false, inURL},
		{"a JWT as a name", jwt, "", false, inURL},
		{"a JWT with an escape", "x=" + strings.Replace(jwt, ".", "%2e", 1), "", false, inURL},
		{"a JWT with an escape in its first letters", "x=%65yJ" + jwt[3:], "", false, inURL},
		{"a JWT beside an escape that is none", "x=" + jwt + "&y=%", "", false, inURL},
		{"a JWT with its scheme", "x=Bearer%20" + jwt, "", false, inURL},
		{"a JWT in JSON", `x={"t":"` + jwt + `"}`, "", false, inURL},
		{"an unsigned JWT", "x=eyJhbGciOiJub25lIn0.eyJhIjoxfQ.", "", false, inURL},
		{"an encrypted JWT", "x=eyJlbmMiOiJBMTI4R0NNIn0..a.b.c", "", false, inURL},
		{"an escaped JWT beside an escape that is none", "x=" + strings.Replace(jwt, ".", "%2e", 1) + "&y=%", "", false, inURL},
		{"a JSON object without alg and enc", "x=eyJhIjoxfQ.eyJhIjoxfQ.x", "", false, ""},
		{"a host name that begins like JSON", "page=example.co.uk", "", false, ""},
		{"a file name that does", "file=export.2024.csv", "", false, ""},
		{"a channel that does", "channel=exchange.btc.usd", "", false, ""},
		{"JSON in base64 alone is none", "x=eyJhIjoxfQ", "", false, ""},
		{"a file name is none", "x=a.eyJ.txt", "", false, ""},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			value, found, reason := inQuery(tt.raw, "ticket")
			if value != tt.value || found != tt.found || reason != tt.reason {
				t.Errorf("%q: %q, %v, %q, want %q, %v, %q", tt.raw, value, found, reason, tt.value, tt.found, tt.reason)
			}
		})
	}
}

func TestTicketInQueryOfAnotherName(t *testing.T) {
	tests := []struct{ raw, value, reason string }{
		{"token=a", "a", ""},
		{"Token=a", "", "query"},
		{"token=a&token=b", "", "query"},
		{"token=a&access_token=b", "", inURL},
		{"token=" + jwt, "", inURL},
		{"ticket=a", "", ""},
	}
	for _, tt := range tests {
		value, found, reason := inQuery(tt.raw, "token")
		if value != tt.value || found != (tt.value != "") || reason != tt.reason {
			t.Errorf("%q: %q, %v, %q, want %q, %q", tt.raw, value, found, reason, tt.value, tt.reason)
		}
	}
}
