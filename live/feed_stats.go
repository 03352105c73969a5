package live

// FeedStats are counts of [Feeds].
type FeedStats struct {
	// Open feeds there are now, and connections of their callers.
	Open, Connections int
	// Restarts is how often a feed was another one than before: the store had lost its
	// entries, and what this process knows was offered again.
	Restarts uint64
}

// Stats returns the counts.
func (f *Feeds) Stats() FeedStats {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := FeedStats{Restarts: f.restarts.Load()}
	for _, c := range f.callers {
		s.Open += c.open
		if c.keeper != nil {
			s.Connections += c.keeper.count()
		}
	}
	return s
}

func (k *feedKeeper) count() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.held)
}
