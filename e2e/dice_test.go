//go:build e2e

package e2e_test

import (
	"math/rand/v2" //nolint:depguard // a seed has to give the same choices again
)

type dice = rand.Rand

// newDice returns the dice of one of several players. They are the same for each run
// with the same seed.
func newDice(seed uint64, player int) *dice { return rand.New(rand.NewPCG(seed, uint64(player))) }
