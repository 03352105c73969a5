package auth_test

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"wsticket/auth"
	"wsticket/ticket"
)

func Example() {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		fmt.Println(err)
		return
	}
	verifier, err := auth.New(auth.Options{Issuers: []auth.IssuerOptions{{
		Issuer:   "https://id.example.com",
		Audience: []string{"ws"},
		Keys:     []crypto.PublicKey{public},
		Claims:   []string{"email"},
	}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer verifier.Close()
	if err := verifier.Start(context.Background()); err != nil { // for keys behind a URL
		fmt.Println(err)
		return
	}

	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims{
		"iss": "https://id.example.com", "aud": "ws", "sub": "u-1", "email": "u@example.com",
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	})
	token.Header["typ"] = "at+jwt"
	text, err := token.SignedString(private)
	if err != nil {
		fmt.Println(err)
		return
	}

	identity, err := verifier.Authenticate(context.Background(), ticket.NewBearer(text))
	fmt.Println(identity.Subject, identity.Claims["email"], err)

	_, err = verifier.Authenticate(context.Background(), ticket.NewBearer(text+"AAAA"))
	fmt.Println(ticket.Reason(err))
	// Output:
	// u-1 u@example.com <nil>
	// bearer_signature
}
