package auth

import (
	"regexp"
	"time"
)

// providers are presets for identity providers, after their public
// documentation. docs/identity-providers.md has a recipe for each. Hosts are not
// checked, because most providers let their customers have names of their own.
var providers = map[string]provider{
	"keycloak": {
		issuer:       regexp.MustCompile(`/realms/[^/]+$`),
		issuerForm:   "https://HOST/realms/REALM as the token has it (Realm settings > OpenID Endpoint Configuration)",
		audienceFrom: "the name that an audience mapper puts into the token (Client scopes > Mappers > Audience)",
		claims:       []string{"email", "preferred_username", "groups"},
		demands:      []demand{{anyOf: []string{"typ"}, values: []string{"Bearer"}}},
	},
	"auth0": {
		issuer:       regexp.MustCompile(`^https?://[^/]+/$`),
		issuerForm:   "https://DOMAIN/ with the slash at its end (Applications > Settings > Domain)",
		audienceFrom: "the identifier of the API (Applications > APIs)",
		claims:       []string{"permissions", "org_id"},
	},
	"okta": {
		issuer:       regexp.MustCompile(`/oauth2/[^/]+$`),
		issuerForm:   "https://DOMAIN/oauth2/ID, a custom authorization server, because tokens of the org server cannot be verified by others (Security > API)",
		audienceFrom: "the audience of the authorization server (Security > API), for example api://default",
		names:        ClaimNames{Scope: "scp"},
		claims:       []string{"uid", "groups"},
	},
	"entra": {
		issuer:       regexp.MustCompile(`/[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}/(v2\.0/?)?$`),
		issuerForm:   "https://login.microsoftonline.com/TENANT_ID/v2.0, or https://sts.windows.net/TENANT_ID/ for v1.0 tokens, with the tenant's ID and no name or common (Overview > Tenant ID)",
		audienceFrom: "the Application (client) ID of the API for v2.0 tokens, its Application ID URI for v1.0 tokens (App registrations)",
		names:        ClaimNames{Subject: "oid", Scope: "scp"},
		claims:       []string{"name", "preferred_username", "email", "groups", "roles"},
		// The longest tokens, of continuous access evaluation, live for 28 h, and
		// iat is dated back by 5 min.
		maxLifetime: 29 * time.Hour,
		// Access tokens name the client that got them, ID tokens do not.
		demands: []demand{{anyOf: []string{"azp", "appid"}}},
	},
	"cognito": {
		issuer:       regexp.MustCompile(`/[a-z0-9-]+_[0-9A-Za-z]+$`),
		issuerForm:   "https://cognito-idp.REGION.amazonaws.com/USER_POOL_ID (User pools > Overview)",
		audienceFrom: "the client ID of the app client (User pools > App clients)",
		names:        ClaimNames{Audience: "client_id"},
		claims:       []string{"username", "cognito:groups"},
		demands:      []demand{{anyOf: []string{"token_use"}, values: []string{"access"}}},
	},
	"google": {
		issuer:       regexp.MustCompile(`^(https?://)?[^/]+$`),
		issuerForm:   "https://accounts.google.com",
		audienceFrom: "the OAuth client ID, which ends in .apps.googleusercontent.com (Google Auth Platform > Clients)",
		claims:       []string{"email", "email_verified", "name", "hd"},
		idTokens:     true,
	},
	"firebase": {
		issuer:       regexp.MustCompile(`^https?://[^/]+/[^/]+$`),
		issuerForm:   "https://securetoken.google.com/PROJECT_ID (Project settings > General)",
		audienceFrom: "the project ID (Project settings > General)",
		claims:       []string{"email", "email_verified", "name"},
		idTokens:     true,
	},
	"supabase": {
		issuer:       regexp.MustCompile(`/auth/v1$`),
		issuerForm:   "https://PROJECT_REF.supabase.co/auth/v1 (Project Settings > Data API > Project URL)",
		audienceFrom: "authenticated, which is the audience of users who have signed in",
		keysPath:     "/.well-known/jwks.json",
		algorithms:   []string{"ES256", "RS256"},
		names:        ClaimNames{Session: "session_id"},
		claims:       []string{"email", "role", "is_anonymous"},
	},
	"clerk": {
		issuer:       regexp.MustCompile(`^https?://[^/]+$`),
		issuerForm:   "the Frontend API URL without a slash at its end (API keys)",
		audienceFrom: "the origin of the page that signs the user in, such as https://app.example.com, which is the claim azp",
		keysPath:     "/.well-known/jwks.json",
		names:        ClaimNames{Audience: "azp"},
		// A pending session is signed out until the user has done a task.
		demands: []demand{{anyOf: []string{"sts"}, values: []string{"active"}, optional: true}},
	},
}
