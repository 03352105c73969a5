package live

import (
	"encoding/json"
	"time"
)

// Notifier is an [Ender] whose peer can be sent a text message of ours.
type Notifier interface {
	// Notify sends a text message between two others. It does not block, and may do
	// nothing; any goroutine may call it.
	Notify(text []byte)
}

// expiring encodes the message that the time of a connection is nearly over.
func expiring(until time.Time) []byte {
	// Strings always encode.
	text, _ := json.Marshal(struct {
		Type      string `json:"type"`
		ExpiresAt string `json:"expiresAt"`
	}{"auth_expiring", until.UTC().Format(time.RFC3339)})
	return text
}

// notify tells the peer that the time is nearly over. It does nothing if the
// connection was renewed since, or is being closed.
func (c *Connection) notify() {
	r := c.registry
	c.mu.Lock()
	until := c.Grant.ConnectionExpiresAt
	wanted := c.state == StateOpen && until.Sub(r.o.Now()) <= r.o.ExpiryNotice
	c.owed = wanted && c.ender == nil
	to, ok := c.ender.(Notifier)
	c.mu.Unlock()
	if wanted && ok {
		to.Notify(expiring(until))
	}
}
