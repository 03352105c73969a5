//go:build e2e

package e2e_test

import (
	"math/rand/v2" //nolint:depguard // what a test draws by lot must come again with its seed
)

type dice = rand.Rand

// newDice are those of one among many players, the same ones for each run with
// the same seed.
func newDice(seed uint64, player int) *dice { return rand.New(rand.NewPCG(seed, uint64(player))) }
