package store_test

import (
	"log/slog"
	"testing"

	"go.uber.org/goleak"

	"wsticket/store"
)

func TestMain(m *testing.M) {
	store.QuietLogger(slog.New(slog.DiscardHandler)) // many of the tests are about trouble
	goleak.VerifyTestMain(m)
}
