package identity

import (
	"encoding/json"
	"strings"
)

// maxHeaderValue bounds the value of one header in bytes. Servers accept 8 KiB
// of headers altogether, some 4.
const maxHeaderValue = 4 << 10

// headerValue returns a claim as the value of a header. The elements of a list
// are separated by commas. In each of them a comma, a percent sign, everything
// that is not printable ASCII, and a space at either end is percent-encoded (RFC
// 3986 2.1) as UTF-8. So the name of a group cannot be read as two, no text can
// end a line, and decodeURIComponent or its like always returns the text. An
// absent claim, null, an empty text and an empty list are the empty value.
func headerValue(value any) (string, error) {
	list, isList := value.([]any)
	if !isList {
		list = []any{value}
	}
	var out strings.Builder
	for _, element := range list {
		text, err := claimText(element)
		if err != nil {
			return "", err
		}
		if text == "" {
			continue
		}
		if out.Len() > 0 {
			out.WriteByte(',')
		}
		escapeTo(&out, text)
		if out.Len() > maxHeaderValue {
			return "", identityTooLarge
		}
	}
	return out.String(), nil
}

// claimText returns a text as it is, nothing for null, and JSON for everything
// else.
func claimText(value any) (string, error) {
	switch value := value.(type) {
	case nil:
		return "", nil
	case string:
		return value, nil
	default:
		text, err := json.Marshal(value)
		return string(text), err
	}
}

func escapeTo(out *strings.Builder, text string) {
	const digits = "0123456789ABCDEF"
	for i := range len(text) {
		b := text[i]
		atEnd := i == 0 || i == len(text)-1
		if b > ' ' && b < 0x7f && b != ',' && b != '%' || b == ' ' && !atEnd {
			out.WriteByte(b)
			continue
		}
		out.WriteByte('%')
		out.WriteByte(digits[b>>4])
		out.WriteByte(digits[b&0xf])
	}
}
