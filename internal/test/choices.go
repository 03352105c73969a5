package test

import "strings"

// Choices makes decisions with the bytes of a fuzz input, one byte for each, so
// that a fuzz target explores a grammar: what it mutates are decisions. When the
// bytes are used up, every decision is the first alternative.
type Choices struct{ bytes []byte }

// NewChoices returns the decisions that the bytes stand for.
func NewChoices(bytes []byte) *Choices { return &Choices{bytes} }

// Below decides for a number from 0 to n-1, where n is at most 256.
func (c *Choices) Below(n int) int {
	if len(c.bytes) == 0 {
		return 0
	}
	first := c.bytes[0]
	c.bytes = c.bytes[1:]
	return int(first) % n
}

// Pick decides for one of the alternatives.
func (c *Choices) Pick(alternatives ...string) string {
	return alternatives[c.Below(len(alternatives))]
}

// Repeat calls part up to most times, and returns what it returned, joined.
func (c *Choices) Repeat(most int, part func() string) string {
	var text strings.Builder
	for range c.Below(most + 1) {
		text.WriteString(part())
	}
	return text.String()
}
