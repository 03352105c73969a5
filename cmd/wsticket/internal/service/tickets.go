package service

import (
	"wsticket/ticket"
)

// buildTickets makes what issues and redeems tickets.
func (s *Service) buildTickets() error {
	sealKeys, fault := readSealKeys(s.cfg.Ticket.SealKeyFile)
	if fault != nil {
		return fault
	}
	s.subjects = newSubjects(s.cfg.Log.Subject, sealKeys)
	options := ticket.Options{
		TTL: s.cfg.Ticket.TTL, Audiences: s.cfg.Ticket.AudienceOptions(),
		SealKeys: sealKeys, RetryWindow: s.cfg.Ticket.RetryWindow, Events: s.events,
	}
	if s.store != nil {
		options.Store = s.store
	}
	var err error
	s.tickets, err = ticket.New(options)
	return err
}
