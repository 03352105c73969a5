package gate

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gobwas/httphead"

	"wsticket/internal/test"
)

// FuzzListHeaders compares the readers of a handshake's lists (Connection, Upgrade,
// Sec-WebSocket-Protocol and -Extensions) with httphead, which reads lists of
// tokens and of tokens with parameters, and with the grammar of RFC 6455 4.3 in
// regular expressions. Lines of the input are lines of the header.
//
//   - What we accept is in the grammar, and httphead reads the same tokens in it.
//   - What is in the grammar is accepted, with the exceptions that are listed at
//     the checks.
//
// httphead alone is no bound from above: it takes blanks for separators, escapes
// in quotes, and parameters without a name, which others read differently.
func FuzzListHeaders(f *testing.F) {
	for _, seed := range []string{
		"wsticket.v1, ticket.x", "app.v1,ticket.a", "app.v1, APP.V1", "a b", "", ",", "a\nb", "Upgrade, keep-alive", "websocket", "websoc\u212aet", "\u00a0websocket",
		"permessage-deflate; client_max_window_bits, x-webkit-deflate-frame", `x; y="a,b"`, `x; y="10"`, "x;", "x; y = 1", "x; ;y", "x;y=", `x;y="\a"`, `x;y=""`, "\tx\t;\ty=1",
	} {
		f.Add(seed, []byte(nil))
		f.Add("", []byte(seed))
	}
	f.Fuzz(func(t *testing.T, text string, choices []byte) {
		c := test.NewChoices(choices)
		for _, lines := range [][]string{strings.Split(text, "\n"), strings.Split(someList(c), "\n")} {
			checkProtocols(t, lines)
			checkExtensions(t, lines)
			checkConnection(t, lines)
		}
	})
}

// someList makes a list of tokens, of extensions, or of what is neither.
func someList(c *test.Choices) string {
	token := func() string {
		return c.Pick("a", "app.v1", "APP.v1", "wsticket.v1", "ticket.x", "Ticket.x", "Upgrade", "websocket", "permessage-deflate", "!#$%&'*+-.^_`|~", "", "a b", "\u212a", `\`)
	}
	element := func() string {
		text := token()
		for range c.Below(3) {
			text += c.Pick(";", "; ", " ;\t", ";;") + token()
			text += c.Pick("", "=1", `="a"`, `="a,b"`, `=""`, `="\a"`, "= 1", "=", `="a`, "=a=b")
		}
		return text
	}
	return c.Repeat(6, func() string {
		return c.Pick("", "", " ", "\t") + c.Pick(token(), element()) + c.Pick(", ", ",", "\n", " , ,")
	})
}

// The grammar, for all lines joined (RFC 9110 5.3). A list may have empty
// elements (RFC 9110 5.6.1.2).
const (
	reToken     = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
	reBlanks    = `[ \t]*`
	reParam     = reToken + `(=(` + reToken + `|"` + reToken + `"))?`
	reExtension = reToken + `(` + reBlanks + `;` + reBlanks + reParam + `)*`
)

var (
	protocolList  = listOf(reToken)
	extensionList = listOf(reExtension)
)

func listOf(element string) *regexp.Regexp {
	one := reBlanks + `(` + element + `)?` + reBlanks
	return regexp.MustCompile(`^` + one + `(,` + one + `)*$`)
}

// httpheadTokens returns the tokens of a list as httphead reads it. It knows no
// tab, and no list without an element.
func httpheadTokens(joined string) (tokens []string, ok bool) {
	joined = strings.ReplaceAll(joined, "\t", " ")
	ok = httphead.ScanTokens([]byte(joined), func(token []byte) bool {
		tokens = append(tokens, string(token))
		return true
	})
	return tokens, ok || strings.Trim(joined, " ,") == ""
}

// checkProtocols: a list of tokens is accepted unless it is too long, two are the
// same without case, or one is ours in another case.
func checkProtocols(t *testing.T, lines []string) {
	t.Helper()
	joined := strings.Join(lines, ",")
	tokens, ok := httpheadTokens(joined)
	offer, err := parseOffer(lines)
	if err == nil {
		if !ok || !protocolList.MatchString(joined) {
			t.Errorf("%q: accepted, but is no list of tokens", lines)
		}
		checkChoice(t, lines, offer, tokens)
		return
	}
	folded := make(map[string]bool)
	for _, token := range tokens {
		folded[strings.ToLower(token)] = true
	}
	ours := slices.ContainsFunc(tokens, func(token string) bool {
		lower := strings.ToLower(token)
		return token != lower && (lower == "wsticket.v1" || strings.HasPrefix(lower, "ticket.") && !strings.HasPrefix(token, "ticket."))
	})
	if protocolList.MatchString(joined) && len(tokens) <= 16 && len(joined) <= 4096 && len(folded) == len(tokens) && !ours {
		t.Errorf("%q: refused by %v", lines, err)
	}
}

// checkChoice: every token is a ticket or a protocol, in its order, and the answer
// is one that was offered, in this spelling, and no ticket.
func checkChoice(t *testing.T, lines []string, offer Offer, tokens []string) {
	t.Helper()
	var tickets, protocols []string
	for _, token := range tokens {
		if text, ok := strings.CutPrefix(token, "ticket."); ok {
			tickets = append(tickets, text)
		} else {
			protocols = append(protocols, token)
		}
	}
	if !slices.Equal(offer.tickets, tickets) || !slices.Equal(offer.Protocols, protocols) {
		t.Errorf("%q: tickets %q of %q, protocols %q of %q", lines, offer.tickets, tickets, offer.Protocols, protocols)
	}
	chosen, err := offer.Choose([]string{"app.v1", "a"})
	if err != nil || chosen == "" {
		return
	}
	alike := slices.DeleteFunc(tokens, func(token string) bool { return !strings.EqualFold(token, chosen) })
	if !slices.Equal(alike, []string{chosen}) || strings.HasPrefix(chosen, "ticket.") {
		t.Errorf("%q: %q could be taken for %q", lines, alike, chosen)
	}
}

// checkExtensions: by RFC 6455 9.1, apart from white space around "=", which
// RFC 9110 5.6.6 has no more, and lists of more than 4 KiB.
func checkExtensions(t *testing.T, lines []string) {
	t.Helper()
	joined := strings.Join(lines, ",")
	valid := validExtensions(lines)
	if grammatical := extensionList.MatchString(joined); valid != (grammatical && len(strings.Join(lines, "")) <= 4096) {
		t.Errorf("%q: accepted %t, grammatical %t", lines, valid, grammatical)
	}
	if !valid || strings.Trim(joined, " \t,") == "" {
		return
	}
	options, ok := httphead.ParseOptions([]byte(strings.ReplaceAll(joined, "\t", " ")), nil)
	elements := slices.DeleteFunc(strings.Split(joined, ","), func(e string) bool { return strings.Trim(e, " \t") == "" })
	if !ok || len(options) != len(elements) {
		t.Errorf("%q: httphead reads %v, %t", lines, options, ok)
	}
}

// checkConnection: as Connection with "upgrade" in it, and as Upgrade of websocket
// alone, whatever the case of ASCII letters. Connection may have options that are
// no tokens, which mean nothing to us.
func checkConnection(t *testing.T, lines []string) {
	t.Helper()
	joined := strings.Join(lines, ",")
	tokens, ok := httpheadTokens(joined)
	has := func(want string) bool {
		return slices.ContainsFunc(strings.Split(joined, ","), func(e string) bool { return asciiLower(strings.Trim(e, " \t")) == want })
	}
	connection := checkUpgrade(map[string][]string{"Connection": lines, "Upgrade": {"websocket"}}) == nil
	if connection != has("upgrade") {
		t.Errorf("Connection %q: accepted %t", lines, connection)
	}
	upgrade := checkUpgrade(map[string][]string{"Connection": {"upgrade"}, "Upgrade": lines}) == nil
	alone := len(tokens) > 0 && !slices.ContainsFunc(tokens, func(token string) bool { return asciiLower(token) != "websocket" })
	if upgrade != (ok && alone && protocolList.MatchString(joined)) {
		t.Errorf("Upgrade %q: accepted %t", lines, upgrade)
	}
}

// asciiLower folds ASCII alone (RFC 5234 2.3).
func asciiLower(s string) string {
	return strings.Map(func(c rune) rune {
		if 'A' <= c && c <= 'Z' {
			return c + 'a' - 'A'
		}
		return c
	}, s)
}
