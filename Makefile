# wsticket. `make` alone lists the targets. It needs GNU make 3.81 or later, a
# POSIX /bin/sh and Go. The tests also need servers, and the client and the pages
# Node.js, which their targets install if they are missing.

VERSION   ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT    ?= $(shell git describe --always --abbrev=40 --exclude='*' --dirty 2>/dev/null)
COMMIT_DATE ?= $(shell TZ=UTC0 git log -1 --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd 2>/dev/null)
ARGS      ?=
BENCH     ?= .
BENCHTIME ?= 1s
FUZZTIME  ?= 60s
COVERAGE  ?= 90
SCREENSHOTS ?= bin/screenshots

# Pinned versions. golangci-lint has its own module file, so that its
# dependencies are not ours. govulncheck is pinned here, because its database
# changes daily anyway. VULNDB may be a copy of that database (https, http, file).
GOLANGCI    = go tool -modfile=tools/go.mod golangci-lint
GOVULNCHECK = golang.org/x/vuln/cmd/govulncheck@v1.9.0
VULNDB      = https://vuln.go.dev
# goreleaser has one, too. Its first build takes minutes, so that `make ci` does
# without it, and tests check what .goreleaser.yaml names.
GORELEASER  = go tool -modfile=tools/release/go.mod goreleaser

# npm writes this file last, so it is older than a lock file with other packages.
NPM_STAMP = node_modules/.package-lock.json
E2E_NPM   = $(addsuffix /$(NPM_STAMP),e2e/node e2e/vite e2e/recipes client)

# What a program knows of its build comes from here alone, so that a build from a
# tarball has the same bits as one in a clone. Dockerfile and .goreleaser.yaml say the
# same.
STAMP   = wsticket/internal/buildinfo
LDFLAGS = -s -w -X $(STAMP).version=$(VERSION) -X $(STAMP).commit=$(COMMIT) -X $(STAMP).date=$(COMMIT_DATE)

.DEFAULT_GOAL := help
# Each target uses every core on its own.
.NOTPARALLEL:

.PHONY: help
help: ## Lists the targets
	@awk 'BEGIN { FS = ":.*## "; print "Usage: make TARGET [NAME=value]" } \
		/^##@/ { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z0-9-]+:.*## / { printf "  %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

##@ Run

.PHONY: run
run: build ## Runs everything in one process: keys, bearer, store, echo (ARGS="--help")
	bin/wsticket dev $(ARGS)

.PHONY: build
build: ## Builds bin/wsticket and bin/wsticket-bench: static, with VERSION and COMMIT in them
	@mkdir -p bin
	@echo "building bin/wsticket: the first time this takes a minute or two, because Go compiles every dependency" >&2
	CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)' -o bin/ ./cmd/wsticket ./cmd/wsticket-bench

# The pages are committed as they are built, so that `make build` needs no Node.
.PHONY: web
web: node web/$(NPM_STAMP) ## Builds the pages in web/dist from web/src and client/src
	npm run build --prefix web

.PHONY: up down
up down: export COMPOSE_PROFILES = full
up: export VERSION := $(VERSION)
up: export COMMIT := $(COMMIT)
up: export COMMIT_DATE := $(COMMIT_DATE)
up: ## Starts wsticket in containers, with Redis, PostgreSQL, nginx, an application, Prometheus and Grafana, until `make down`
	docker compose up --build --detach --wait

down: ## Stops them and removes their volumes
	docker compose down --volumes

##@ Test

.PHONY: test
test: servers ## Runs all tests
	go test ./...

.PHONY: race
race: servers ## Runs all tests under the race detector
	go test -race ./...

# The tests of cmd/wsticket start hundreds of processes, which under the race detector take
# longer than the ten minutes that go test allows by default, on a busy machine.
.PHONY: cover
cover: servers ## Runs all tests under the race detector; the packages that programs import have to reach COVERAGE percent
	@mkdir -p bin
	go test -race -shuffle=on -timeout 30m -covermode=atomic -coverprofile=bin/cover.out ./...
	awk -v least=$(COVERAGE) -v held='audit audit/postgres audit/sqlite migrations ticket ticket/remote store/internal/record store/memstore store/redisstore auth identity gate live ws api' -f tools/coverage.awk bin/cover.out

.PHONY: client
client: node client/$(NPM_STAMP) ## Checks the TypeScript client, its size and its package, and runs its tests
	npm run check --prefix client
	npm test --prefix client

# Verbose, because its figures and tables are the point. On a busy machine the package
# takes more than the ten minutes that go test allows by default.
.PHONY: e2e
e2e: e2e-servers $(E2E_NPM) ## Tests whole processes: faults, races, leaks, recovery, real clients, applications, browsers and proxies
	CI=true go test -v -count=1 -timeout 30m -tags e2e ./e2e/...

.PHONY: e2e-fast
e2e-fast: e2e-fast-servers $(E2E_NPM) ## Runs the same without Traefik, which takes minutes to build, and with a shorter chaos
	CI=true go test -v -count=1 -timeout 30m -short -tags e2e -skip '^TestEdge/^traefik$$' ./e2e/...

# For a person to look at. The tests that take the pictures look, too, but not at
# everything.
.PHONY: screenshots
screenshots: e2e-fast-servers $(E2E_NPM) ## Takes pictures of the pages, light and dark, wide and narrow, into SCREENSHOTS
	CI=true go test -count=1 -tags e2e -run '^Test(Demo|Ops)Page$$' ./e2e -screenshots '$(abspath $(SCREENSHOTS))'

# Installs what e2e needs beyond the other tests, if it is missing. No test
# downloads anything.
.PHONY: e2e-servers e2e-fast-servers
e2e-servers e2e-fast-servers:
	@sh internal/testenv/install.sh $(@:-servers=)
	go mod download

# Before Go 1.27, the end of FUZZTIME can be reported as a failure: "context
# deadline exceeded", without an input (golang/go#75804). `make ci` therefore
# uses a count of inputs, which needs no clock. An input that covers something new
# is made smaller in up to 100 tries; the default, 60 s for each, would take most of
# the time.
.PHONY: fuzz
fuzz: ## Runs each fuzz target for FUZZTIME (60s, 10m, 20000x), one after the other
	@grep -r --include='*_test.go' '^func Fuzz' . | \
	sed 's,^\(.*\)/[^/]*:func \(Fuzz[A-Za-z0-9_]*\).*,\1 \2,' | sort | \
	while read -r dir name; do \
		echo "fuzz $$dir $$name"; \
		go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 100x "$$dir" </dev/null || exit 1; \
	done

.PHONY: bench
bench: servers ## Runs each benchmark that matches BENCH, for BENCHTIME
	go test -run '^$$' -bench '$(BENCH)' -benchmem -benchtime $(BENCHTIME) ./...

# Installs Redis, PostgreSQL, nginx and a few tools if they are missing.
.PHONY: servers
servers:
	@sh internal/testenv/install.sh

# Installs Node.js and npm if they are missing.
.PHONY: node
node:
	@sh internal/testenv/install.sh node

# The npm packages of a folder.
%/$(NPM_STAMP): %/package-lock.json
	npm ci --prefix $*

##@ Release

.PHONY: snapshot
snapshot: ## Builds archives, packages, SBOMs and checksums of this commit into dist/ (the first time takes minutes to build goreleaser)
	$(GORELEASER) release --snapshot --clean --skip=sign

.PHONY: release
release: check-release ## The same for the tag of this commit, with a signature by RELEASE_KEY
	$(GORELEASER) release --clean

.PHONY: check-release
check-release: ## Checks .goreleaser.yaml
	$(GORELEASER) check

##@ Check

.PHONY: reproducible
reproducible: export VERSION := $(VERSION)
reproducible: export COMMIT := $(COMMIT)
reproducible: export COMMIT_DATE := $(COMMIT_DATE)
reproducible: ## Builds in two folders, and fails unless both have the same bits (FRESH=1 compiles everything twice)
	@sh tools/reproducible.sh

.PHONY: fmt
fmt: ## Formats the code: gofumpt, and imports in three groups
	$(GOLANGCI) fmt

.PHONY: check-fmt
check-fmt: ## Shows what fmt would change, and fails if there is anything
	$(GOLANGCI) fmt --diff

.PHONY: lint
lint: ## Runs go vet and the linters of .golangci.yml (the first run takes minutes to build them)
	go vet ./...
	$(GOLANGCI) run

.PHONY: check-web
check-web: node web/$(NPM_STAMP) ## Checks the code of the pages, and that web/dist is what it builds
	npm run check --prefix web
	npm run build --prefix web -- --check

# Helm, Kustomize, kubeconform and Compose are libraries of a module of their own. The
# schemas are in other modules, which are downloaded (35 MB) and not compiled.
.PHONY: check-deploy
check-deploy: build ## Renders the manifests and the chart of deploy/ and holds them and docker-compose.yml to schemas, and to check-config
	cd tools/kubernetes && go test -v -count=1 . -wsticket '$(abspath bin/wsticket)'

.PHONY: check-mod
check-mod: ## Checks that go.mod is tidy and that downloads match go.sum
	go mod tidy -diff
	go mod verify

# By packages, which finds more than by called functions: chi's RealIP is a value
# that nobody calls, for example.
.PHONY: vuln
vuln: ## Fails if something is known against an imported package; skipped, in its last line, if VULNDB cannot be reached
	@mkdir -p bin
	@go run ./internal/vulncheck -db $(VULNDB) -report bin/vuln.txt -- go run $(GOVULNCHECK) -db $(VULNDB) -scan package ./...

# cover and e2e-fast run each test once. With CI=true a missing server is a failure.
CI_TARGETS = check-mod build reproducible check-fmt lint vuln check-deploy check-web client cover e2e-fast fuzz

.PHONY: ci
ci: ## Runs everything that has to pass before a merge, with some seconds of fuzzing, and says at the end what ran
	@rm -f bin/vuln.txt
	CI=true $(MAKE) --no-print-directory $(CI_TARGETS) FUZZTIME=20000x
	@echo "ci: passed: $(filter-out vuln,$(CI_TARGETS))"
	@echo "ci: left out: e2e with Traefik, which takes minutes to build; make e2e has it"
	@sed 's/^/ci: /' bin/vuln.txt
