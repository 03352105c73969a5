package main

import (
	"encoding/json"

	"wsticket/internal/buildinfo"
)

type versionCmd struct {
	JSON bool `help:"Print it as JSON: version, commit, commit_date, dirty, go and platform."`
}

// Run prints the version, the commit that it is from, and what built it.
func (c *versionCmd) Run(w world) error {
	info := buildinfo.Read()
	if c.JSON {
		return json.NewEncoder(w.Stdout).Encode(info)
	}
	return say(w.Stdout, "wsticket %s", info)
}
