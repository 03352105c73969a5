# wsticket. `make` alone lists the targets. Any GNU make from 3.81 on, and any
# /bin/sh, will do. Everything else it needs is Go, and for the tests the servers
# that they start, which `make test` installs where they are missing.

VERSION   ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
ARGS      ?=
BENCH     ?= .
BENCHTIME ?= 1s
FUZZTIME  ?= 60s
COVERAGE  ?= 90

# Pinned: golangci-lint in a module file of its own, so that its dependencies
# are not ours; govulncheck here, because its answers change daily anyway.
GOLANGCI    = go tool -modfile=tools/go.mod golangci-lint
GOVULNCHECK = golang.org/x/vuln/cmd/govulncheck@v1.9.0
VULNDB      = https://vuln.go.dev

.DEFAULT_GOAL := help
# Each target is busy on every core by itself.
.NOTPARALLEL:

.PHONY: help
help: ## This list
	@awk 'BEGIN { FS = ":.*## "; print "Usage: make TARGET [NAME=value]" } \
		/^##@/ { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z0-9-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

##@ Run

.PHONY: run
run: build ## Everything in one process on this machine: keys, bearer, store, echo (ARGS="--help")
	bin/wsticket dev $(ARGS)

.PHONY: build
build: ## bin/wsticket and bin/wsticket-bench: static, without paths, with VERSION in them
	@mkdir -p bin
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/ ./cmd/wsticket ./cmd/wsticket-bench

.PHONY: up
up: ## wsticket and Redis in containers, until `make down`
	docker compose up --build --detach --wait

.PHONY: down
down: ## Stops them and removes what they kept
	docker compose down --volumes

##@ Test

.PHONY: test
test: servers ## All tests
	go test ./...

.PHONY: race
race: servers ## All tests under the race detector
	go test -race ./...

.PHONY: cover
cover: servers ## All tests under the race detector; ticket, store/* and auth have to reach COVERAGE percent
	@mkdir -p bin
	go test -race -shuffle=on -covermode=atomic -coverprofile=bin/cover.out ./...
	awk -v least=$(COVERAGE) -v held='ticket store/internal/record store/memstore store/redisstore auth' -f tools/coverage.awk bin/cover.out

# Verbose, because the figures and tables are what it is run for.
.PHONY: e2e
e2e: e2e-servers e2e/node/node_modules/.package-lock.json ## Real processes with faults: histories, races, leaks, recovery, other people's clients, applications, browsers and proxies
	CI=true go test -v -count=1 -tags e2e ./e2e/...

.PHONY: e2e-fast
e2e-fast: e2e-fast-servers e2e/node/node_modules/.package-lock.json ## The same without Traefik, which takes minutes to build
	CI=true go test -v -count=1 -tags e2e -skip '^TestEdge$$/^traefik$$' ./e2e/...

# Installs what e2e starts, and the tests do not, where there is none.
.PHONY: e2e-servers e2e-fast-servers
e2e-servers e2e-fast-servers:
	@sh internal/testenv/install.sh $(@:-servers=)

# The npm packages that scripts of e2e import; npm writes this file last.
e2e/node/node_modules/.package-lock.json: e2e/node/package-lock.json
	npm ci --prefix e2e/node

# Before Go 1.27 the end of a time can be reported as a failure: "context
# deadline exceeded", and no input written (golang/go#75804). A count of inputs,
# as `make ci` gives, ends without a clock.
.PHONY: fuzz
fuzz: ## Every fuzz target for FUZZTIME (60s, 10m, 20000x), one after the other
	@grep -r --include='*_test.go' '^func Fuzz' . | \
	sed 's,^\(.*\)/[^/]*:func \(Fuzz[A-Za-z0-9_]*\).*,\1 \2,' | sort | \
	while read -r dir name; do \
		echo "fuzz $$dir $$name"; \
		go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) "$$dir" </dev/null || exit 1; \
	done

.PHONY: bench
bench: servers ## Every benchmark that matches BENCH, for BENCHTIME each
	go test -run '^$$' -bench '$(BENCH)' -benchmem -benchtime $(BENCHTIME) ./...

# Installs redis-server, nginx and a few tools where there are none.
.PHONY: servers
servers:
	@sh internal/testenv/install.sh

##@ Check

.PHONY: fmt
fmt: ## Formats: gofumpt, and imports in three groups
	$(GOLANGCI) fmt

.PHONY: check-fmt
check-fmt: ## Shows what fmt would change, and fails if anything
	$(GOLANGCI) fmt --diff

.PHONY: lint
lint: ## go vet and the linters of .golangci.yml (the first run builds them: minutes)
	go vet ./...
	$(GOLANGCI) run

.PHONY: check-mod
check-mod: ## go.mod is tidy, and what it downloads is what go.sum says
	go mod tidy -diff
	go mod verify

.PHONY: vuln
vuln: ## Known vulnerabilities in packages that we import; skipped where their list cannot be reached
	@if curl -fsS -m 10 -o /dev/null $(VULNDB)/index/db.json; then \
		go run $(GOVULNCHECK) -db $(VULNDB) -scan package ./...; \
	else \
		echo "vuln: skipped, because $(VULNDB) cannot be reached from here"; \
	fi

# The tests run once, by cover and e2e-fast. With CI=true a missing server is a failure.
.PHONY: ci
ci: ## All of what has to pass before a merge, with some seconds of fuzzing
	CI=true $(MAKE) --no-print-directory check-mod build check-fmt lint cover e2e-fast fuzz FUZZTIME=20000x
