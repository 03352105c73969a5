// Command program has a module of somebody else in it.
package main

import "go.yaml.in/yaml/v3"

func main() {
	if _, err := yaml.Marshal("x"); err != nil {
		panic(err)
	}
}
