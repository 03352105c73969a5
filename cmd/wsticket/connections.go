package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

type connectionsCmd struct {
	operator

	Iss string `placeholder:"URL" help:"Only those of this issuer."`
	Sub string `placeholder:"NAME" help:"Only those of this user."`
	Sid string `placeholder:"ID" help:"Only those of this session."`
	All bool   `help:"Those of everybody."`
	Max int    `default:"1000" placeholder:"N" help:"How many are listed at most. Default: 1000."`
	Cut string `placeholder:"ID" help:"Cut the connection of this ID, instead of listing. Write --cut=ID, because an ID may begin with a dash."`
}

// connectionPage is the part of an answer to GET /connections that is shown.
type connectionPage struct {
	Connections []struct {
		ID        string `json:"connection_id"`
		Node      string `json:"node"`
		Issuer    string `json:"iss"`
		Subject   string `json:"sub"`
		Session   string `json:"sid"`
		Audience  string `json:"aud"`
		Door      string `json:"door"`
		ClientIP  string `json:"client_ip"`
		Since     string `json:"since"`
		ExpiresAt string `json:"connection_expires_at"`
	} `json:"connections"`
	Next    string   `json:"next"`
	Partial bool     `json:"partial"`
	Missing []string `json:"missing"`
}

// Run lists connections, one a line, or cuts one. A list that is not complete is an
// error, after what there is of it.
func (c *connectionsCmd) Run(ctx context.Context, w world) error {
	filtered := cmp.Or(c.Iss, c.Sub, c.Sid) != "" || c.All
	switch {
	case c.Cut != "" && filtered:
		return usageError{errors.New("--cut: stands alone")}
	case c.Cut != "":
		return c.cut(ctx, w)
	case !filtered:
		return usageError{errors.New("whose connections? --sub, --sid or --iss, or --all for everybody's")}
	case c.Max < 1:
		return usageError{errors.New("--max: must be at least 1")}
	}
	missing := map[string]bool{}
	for left, cursor := c.Max, ""; ; {
		var page connectionPage
		if err := c.call(ctx, w, http.MethodGet, "/connections?"+c.query(min(left, 500), cursor), nil, &page, http.StatusOK); err != nil {
			return fmt.Errorf("connections: %w", err)
		}
		if err := page.list(w); err != nil {
			return err
		}
		for _, node := range page.Missing {
			missing[node] = true
		}
		left -= len(page.Connections)
		if cursor = page.Next; cursor == "" || left <= 0 {
			break
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("connections: the list is not complete: %d processes did not answer", len(missing))
	}
	return nil
}

// query asks for a page.
func (c *connectionsCmd) query(limit int, cursor string) string {
	q := url.Values{"limit": {strconv.Itoa(limit)}}
	all := ""
	if c.All {
		all = "true"
	}
	for name, value := range map[string]string{"iss": c.Iss, "sub": c.Sub, "sid": c.Sid, "cursor": cursor, "all": all} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q.Encode()
}

// list prints a line for each connection.
func (p connectionPage) list(w world) error {
	for _, c := range p.Connections {
		parts := []string{
			c.ID, "sub=" + c.Subject, "iss=" + c.Issuer, "aud=" + c.Audience, "door=" + c.Door,
			"since=" + c.Since, "until=" + c.ExpiresAt,
		}
		for _, more := range [][2]string{{"sid=", c.Session}, {"from=", c.ClientIP}, {"node=", c.Node}} {
			if more[1] != "" {
				parts = append(parts, more[0]+more[1])
			}
		}
		if err := say(w.Stdout, "%s", strings.Join(parts, " ")); err != nil {
			return err
		}
	}
	return nil
}

// cut ends one connection.
func (c *connectionsCmd) cut(ctx context.Context, w world) error {
	if err := c.call(ctx, w, http.MethodDelete, "/connections/"+url.PathEscape(c.Cut), nil, nil, http.StatusNoContent); err != nil {
		return fmt.Errorf("connections: %w", err)
	}
	return say(w.Stdout, "cut %s", c.Cut)
}
