package relay

import (
	"errors"
	"io/fs"

	"wsticket/internal/netcause"
)

// Cause says in plain words why [Relay.Open] has failed. Its texts are fixed.
func Cause(err error) string {
	switch {
	case errors.Is(err, errMalformedAnswer):
		return "the answer is not that of a WebSocket server"
	case errors.Is(err, fs.ErrNotExist):
		return "there is no such socket"
	case errors.Is(err, fs.ErrPermission):
		return "no permission to use the socket"
	default:
		return netcause.Describe(err)
	}
}
