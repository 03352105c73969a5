package api

import "net/http"

// fromOurPage refuses a request with a session cookie that a foreign page may
// have made, because browsers send cookies along (ASVS 3.5.1 to 3.5.3). page is
// its origin, which was checked before.
//
//   - An origin is required, except for reading: browsers send none with a GET
//     to the page's own origin. Then Sec-Fetch-Site must not name another site.
//   - A POST must have a content type that a form cannot send, even without a
//     body. A foreign page that sets it needs a preflight.
//
// It comes before the session is verified, so that such a request does not reach
// the application.
func fromOurPage(r *http.Request, page string) error {
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch {
	case page == "" && !reads:
		return badHeader(errSessionOrigin, r, "Origin", "required with a session cookie")
	case page == "" && fromElsewhere(r.Header["Sec-Fetch-Site"]):
		return badHeader(errSessionOrigin, r, "Sec-Fetch-Site", "must not be that of another site")
	case r.Method == http.MethodPost && !isType(r.Header["Content-Type"], typeJSON):
		return badHeader(errSessionType, r, "Content-Type", "must be "+typeJSON+" with a session cookie, also without a body")
	default:
		return nil
	}
}

// fromElsewhere reports whether Sec-Fetch-Site (Fetch Metadata 2.3) names another
// site. Older browsers and other programs do not send the header.
func fromElsewhere(headers []string) bool {
	for _, value := range headers {
		if value != "same-origin" && value != "none" {
			return true
		}
	}
	return false
}
