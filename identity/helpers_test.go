package identity_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"wsticket/internal/test"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// now is the time at which connections are opened in these tests.
var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return now }

var (
	p256Key = sync.OnceValue(func() *ecdsa.PrivateKey { return test.ECKey(elliptic.P256()) })
	edKey   = sync.OnceValue(test.EdKey)
	edOther = sync.OnceValue(test.EdKey)
)
