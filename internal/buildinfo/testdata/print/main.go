// Command print prints what its build knows of itself.
package main

import (
	"encoding/json"
	"os"

	"wsticket/internal/buildinfo"
)

func main() {
	if err := json.NewEncoder(os.Stdout).Encode(buildinfo.Read()); err != nil {
		panic(err)
	}
}
