package record

// Fence is the replication identity of the Redis primary on which a record was
// created: its master_replid, 40 hexadecimal digits. It is kept as text, so
// that scripts can search for it in the reply to INFO. The zero value is none.
type Fence [atIssued - atFence]byte

// ParseFence reads a replication identity and reports whether text is one.
func ParseFence(text string) (f Fence, ok bool) {
	ok = len(text) == copy(f[:], text) && f.isValid()
	return f, ok
}

func (f Fence) isValid() bool {
	for _, c := range f {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// SetFence writes f into a value of [Encode].
func SetFence(value []byte, f Fence) { copy(value[atFence:atIssued], f[:]) }

// FenceOf returns the fence of a value, and reports whether it has one.
func FenceOf(value []byte) (fence string, ok bool) {
	if len(value) < atIssued {
		return "", false
	}
	return string(value[atFence:atIssued]), Fence(value[atFence:atIssued]).isValid()
}
