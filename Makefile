# Everything works from a fresh clone with Go, git and make. `make` prints help.

GOLANGCI_LINT_VERSION := v2.15.0
GOVULNCHECK_VERSION := v1.9.0
BIN := $(CURDIR)/.bin
# Without vet, which is part of make lint, and without what only a debugger needs.
TEST := go test -vet=off -ldflags=-w -timeout 30m
# Says which package is being built, now and then: an empty cache takes minutes.
BUILDING := awk 'NR % 50 == 0 {print "test: built " NR " packages, now " $$1; fflush()}'
# The packages with tests that count allocations, which the race detector distorts,
# or that it makes too slow.
ALLOC_PACKAGES := ./codes ./policy ./policy/gate ./interceptor ./interceptor/rest ./interceptor/tests/targets ./interceptor/tests/transcripts ./bench ./bench/fleet

.DEFAULT_GOAL := help

.PHONY: help
help: ## Print this help.
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## Run the official Gemini client against an embedded server that fails by a script (10 s).
	go run ./examples/grpc-client

.PHONY: test
test: ## Run all tests, with -race where a C compiler exists, then some without (1 min, or 5 with empty caches).
	@if [ "$$(go env CGO_ENABLED)" = 1 ] && command -v $$(go env CC) >/dev/null 2>&1; then \
		echo "test: with -race ($$(go env CC) was found)"; race=-race; \
	else \
		echo "test: without -race, which needs cgo and a C compiler"; race=; \
	fi; \
	echo "test: building what has changed"; go list $$race -export -test -v -f '' ./... 2>&1 | $(BUILDING); \
	echo "test: running"; $(TEST) $$race ./...
	@echo "test: examples/integration, a module of its own"
	@cd examples/integration && $(TEST) -count=1 ./... # go's cache does not see a file outside the module change
	@echo "test: allocations, transcripts of streams and the fleet, without -race"
	@$(TEST) -count=1 -run '[Aa]lloc|Transcript|Fleet' $(ALLOC_PACKAGES)

.PHONY: lint
lint: $(BIN)/golangci-lint-$(GOLANGCI_LINT_VERSION) ## Check style, imports and go.mod (3 min the first time, then 30 s).
	go mod tidy -diff
	go vet ./...
	$(BIN)/golangci-lint-$(GOLANGCI_LINT_VERSION) run ./...
	cd examples/integration && go mod tidy -diff && go vet ./... && $(BIN)/golangci-lint-$(GOLANGCI_LINT_VERSION) run ./...

# The linter is built from source at a pinned version.
$(BIN)/golangci-lint-$(GOLANGCI_LINT_VERSION):
	GOBIN=$(BIN) GOFLAGS= go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)
	mv $(BIN)/golangci-lint $@

.PHONY: fmt
fmt: $(BIN)/golangci-lint-$(GOLANGCI_LINT_VERSION) ## Format all Go files.
	$(BIN)/golangci-lint-$(GOLANGCI_LINT_VERSION) fmt ./...

.PHONY: bench
bench: ## Run the benchmarks, each beside the bare call (1 min).
	go test -run '^$$' -bench . -benchmem ./bench

.PHONY: fleet
fleet: ## Simulate fleets of clients in trouble, and ordinary programs; write bench/fleet/report (5 min).
	go run ./bench/fleet -out bench/fleet/report

.PHONY: fuzz
fuzz: ## Run every fuzz target for 20 s.
	@set -e; for pkg in ./codes ./policy ./policy/policyfile ./internal/foreign ./examples/grpc-client/explain; do \
		for target in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime 20s $$pkg; \
		done; \
	done

.PHONY: soak
soak: ## Run a million random worlds of calls (40 min), without -race; N=10000 runs fewer.
	cd interceptor/tests/worlds && go test -run '^TestWorldLives$$' -timeout 0 -world.show -world.n=$(or $(N),1000000)

.PHONY: mutants
mutants: ## Break the engine on purpose, one defect at a time, and check that the tests catch each (4 min).
	go run ./internal/mutants

.PHONY: compat
compat: ## Run the tests with another Go or grpc: make compat GO=go1.27.4 GRPC=v1.84.0 (2 min).
	.ci/compat "$(GO)" "$(GRPC)" $(PACKAGES)

.PHONY: vuln
vuln: $(BIN)/govulncheck-$(GOVULNCHECK_VERSION) ## Look for known vulnerabilities in what the code reaches; needs vuln.go.dev (1 min).
	.ci/vuln $< $(if $(DB),-db $(DB))

$(BIN)/govulncheck-$(GOVULNCHECK_VERSION):
	GOBIN=$(BIN) GOFLAGS= go install golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK_VERSION)
	mv $(BIN)/govulncheck $@

.PHONY: generate
generate: ## Write what is generated anew: tables and the picture of the README and docs/, api/v0.txt.
	go test . -run "TestReadme|TestDocs|TestAPI" -update
	go test ./codes -run TestRules_page -update
	go test ./policy/policyfile -run TestFields_page -update

.PHONY: ci
ci: lint demo test ## What CI runs.
