package relay

import (
	"strings"

	"wsticket/internal/header"
	"wsticket/internal/wsframe"
)

// reservedBits returns the bits that frames may have set under the extensions
// of an application's answer, which client and application have agreed on.
// Only permessage-deflate is known here: it marks the first frame of a
// compressed message with RSV1 (RFC 7692 6). What another extension does with
// the bits is left to the two.
func reservedBits(extensions []string) wsframe.ReservedBits {
	const rsv1, all = 0x4, 0x7
	var bits wsframe.ReservedBits
	for _, e := range header.List(extensions) {
		name, _, _ := strings.Cut(e, ";")
		if strings.TrimSpace(name) != "permessage-deflate" {
			return wsframe.ReservedBits{First: all, Other: all}
		}
		bits.First = rsv1
	}
	return bits
}
