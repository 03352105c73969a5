package ticket

import "slices"

// Keyholder is a program that calls the internal listener with an API key.
type Keyholder struct {
	// Name is that of the key.
	Name string
	// Scopes are what the key may be for, such as "consume".
	Scopes []string
	// Audiences are the audiences of the tickets that the key is for. None: all.
	Audiences []string
}

// MayHave reports whether the key is for tickets of an audience.
func (k Keyholder) MayHave(audience string) bool {
	return len(k.Audiences) == 0 || slices.Contains(k.Audiences, audience)
}

// Clone returns a copy that shares nothing with k.
func (k Keyholder) Clone() Keyholder {
	k.Scopes, k.Audiences = slices.Clone(k.Scopes), slices.Clone(k.Audiences)
	return k
}
