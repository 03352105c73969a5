package service

import (
	"wsticket/ticket"
)

// buildSealKeys reads the keys that encrypt what the store has.
func (s *generation) buildSealKeys() (err error) {
	if s.sealKeys, err = readSealKeys(s.cfg.Ticket.SealKeyFile); len(s.sealKeys) == 0 && err == nil {
		s.sealKeys = [][]byte{s.ownSealKey}
	}
	s.subjects = newSubjects(s.cfg.Log.Subject, s.sealKeys)
	return err
}

// buildTickets makes what issues and redeems tickets.
func (s *generation) buildTickets() error {
	options := ticket.Options{
		TTL: s.cfg.Ticket.TTL, Audiences: s.cfg.Ticket.AudienceOptions(),
		SealKeys: s.sealKeys, RetryWindow: s.cfg.Ticket.RetryWindow, Keeper: s.keeper(), Events: s.events,
		MaxPending: s.cfg.Limits.TicketsPerSubject,
	}
	if s.store != nil {
		options.Store = s.store
	}
	if s.live != nil {
		options.Revocations = s.live
	}
	if s.replaces != nil {
		options.Replaces = s.replaces.tickets
	}
	var err error
	s.tickets, err = ticket.New(options)
	return err
}
