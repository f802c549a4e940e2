# make            what there is to make
# Only Go and root are needed to build, test and see the demo; clang only when
# the BPF program changes.

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GO      ?= go
CLANG   := clang-14
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS := -X main.version=$(VERSION)

SEEDS ?= 10000
TIME  ?= 30s
BENCH ?= .
DUT   ?= xbfd,sockets,bird,frr
ARGS  ?=

# Where make install puts things; DESTDIR stands before all of it.
PREFIX  ?= /usr/local
CONFDIR ?= /etc/xbfd
UNITS   ?= $(PREFIX)/lib/systemd/system
USERS   ?= $(PREFIX)/lib/sysusers.d
SHARE   ?= $(PREFIX)/share

TEST   := $(GO) test -json -count=1
REPORT := $(GO) run ./internal/tools/slowtests

ROWS  := $(CURDIR)/bin/rows
TABLE := docs/COVERAGE.md
RACE  := ./engine ./engine/fastpath ./internal/config ./internal/control ./internal/daemon ./internal/eventlog ./internal/speaker ./internal/top ./netlinkmon

# What runs on another machine's processor, emulated: all that needs no kernel.
# s390x is big-endian, which the packets are too and most machines are not.
ARM64 := ./packet ./timerwheel ./engine ./engine/clients ./engine/fastpath ./engine/flight ./engine/session ./internal/bfddp ./internal/capture ./internal/config ./internal/lookup ./internal/metrics
S390X := ./packet ./engine/fastpath ./engine/flight ./engine/session ./internal/bfddp

.PHONY: help build demo test test-rings test-vm kernels test-arm64 test-s390x race sim fuzz bench microbench generate lint docs rows install uninstall clean

help: ## Show this list
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build bin/xbfd
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/xbfd ./cmd/xbfd

demo: build ## Bring 100 sessions up between two namespaces, cut the path, measure (ARGS="--sessions 1000"; root)
	bin/xbfd demo $(ARGS)

# Of the tests that fail, up to five are run once more, each alone, and the report
# names those that pass then: they share the processors with others. What go test
# itself says of failed tests (exit status 1) is left to the report.
test: ## Run every test; show failures, skips, the ten slowest (XBFD_MUST_RUN=1: a skip is a failure)
	@rm -rf $(ROWS) && mkdir -p $(ROWS)
	export XBFD_ROWS=$(ROWS); { $(TEST) -p 2 -timeout 15m ./... || [ $$? = 1 ]; } | $(REPORT) -again '$(TEST)'
	@if [ "$${XBFD_MUST_RUN:-}" = 1 ]; then $(GO) run ./internal/rows/cmd/rowtable -check $(TABLE) $(ROWS); fi

test-arm64: ## Build for arm64; run there, emulated, what needs no kernel, and the simulator (qemu-user-static)
	@command -v qemu-aarch64-static >/dev/null || { echo "make $@ needs qemu-aarch64-static: apt-get install qemu-user-static" >&2; exit 1; }
	CGO_ENABLED=0 GOARCH=arm64 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/arm64/xbfd ./cmd/xbfd
	qemu-aarch64-static bin/arm64/xbfd version
	CGO_ENABLED=0 GOARCH=arm64 $(GO) vet ./...
	CGO_ENABLED=0 GOARCH=arm64 $(GO) test -exec qemu-aarch64-static -count=1 -timeout 5m $(ARM64)
	CGO_ENABLED=0 GOARCH=arm64 $(GO) test -exec qemu-aarch64-static -count=1 -timeout 5m ./internal/sim -run '^TestSeeds$$' -v -args -seeds=100

test-s390x: ## Run what reads and writes packets on a big-endian machine, emulated, and the simulator (qemu-user-static)
	@command -v qemu-s390x-static >/dev/null || { echo "make $@ needs qemu-s390x-static: apt-get install qemu-user-static" >&2; exit 1; }
	CGO_ENABLED=0 GOARCH=s390x $(GO) test -exec qemu-s390x-static -count=1 -timeout 5m $(S390X)
	CGO_ENABLED=0 GOARCH=s390x $(GO) test -exec qemu-s390x-static -count=1 -timeout 5m ./internal/sim -run '^TestSeeds$$' -v -args -seeds=50

# One guest is QEMU with 2 processors and 1 GiB.
test-vm: ## Run tests under other kernels and drivers in QEMU; compare docs/kernels.md (ARGS="-guests 6.12 -run TestX"; root)
	@mkdir -p bin
	$(GO) build -o bin/testvm ./internal/tools/testvm
	bin/testvm $(ARGS) | $(REPORT)
	@if [ -z '$(ARGS)' ]; then $(GO) run ./internal/rows/cmd/rowtable -guests $(TABLE) bin/vm/rows; fi

kernels: ## Write docs/kernels.md from the last make test-vm
	cp bin/vm/kernels.md docs/kernels.md

test-rings: ## Run the tests on the wire with every packet through the rings, none through the fast path
	export XBFD_TEST_FAST_PATH=off; { $(TEST) ./internal/wirebed || [ $$? = 1 ]; } | $(REPORT) -again '$(TEST)'

race: ## Run the control plane's tests under the race detector (needs a C compiler)
	{ $(TEST) -race -p 2 -timeout 10m $(RACE) || [ $$? = 1 ]; } | $(REPORT) -again '$(TEST) -race'

sim: ## Run the simulator over SEEDS=10000 seeds
	$(GO) test -count=1 -timeout 0 ./internal/sim -run '^TestSeeds$$' -v -args -seeds=$(SEEDS)

# The fuzzer now and then reports its own time limit as a failure.
fuzz: ## Run each fuzz target for TIME=30s
	@mkdir -p bin
	@packages=$$($(GO) list ./...); \
	for pkg in $$packages; do \
	  tests=$$($(GO) test -list '^Fuzz' $$pkg); \
	  for target in $$(grep '^Fuzz' <<<"$$tests" || true); do \
	    echo "== $$pkg $$target"; \
	    $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(TIME) -fuzzminimizetime 10x $$pkg | tee bin/fuzz.log || \
	      { grep -q 'context deadline exceeded' bin/fuzz.log && ! grep -q 'Failing input' bin/fuzz.log; }; \
	  done; \
	done

bench: build ## Measure xbfd beside FRR, BIRD and plain sockets, the short form (6 minutes; root)
	bin/xbfd bench rings --hold 3s
	bin/xbfd bench scale --dut $(DUT) --sessions 200,1000 --hold 5s --plot bin/plots
	bin/xbfd bench detect --dut $(DUT) --sessions 200 --trials 3 --plot bin/plots
	bin/xbfd bench gaps --dut $(DUT) --sessions 200 --hold 5s --plot bin/plots
	bin/xbfd bench failover --dut xbfd,frr,frr+xbfd,bird --routes 100 --trials 3
	bin/xbfd bench stress --dut $(DUT) --sessions 100 --hold 2s --rungs idle,L1,L3,L4,L5,stop-200ms,flood-300k

microbench: ## Run the benchmarks that match BENCH=. with their allocations
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -timeout 30m ./...

generate: ## Compile the BPF program and its Go loader (clang-14, llvm-14, libbpf-dev)
	@command -v $(CLANG) >/dev/null || { echo "make generate needs $(CLANG): apt-get install clang-14 llvm-14 libbpf-dev" >&2; exit 1; }
	$(GO) generate ./bpf

lint: ## Check format, vet, staticcheck and the direction of imports
	@unformatted=$$(gofmt -l .); \
	  if [ -n "$$unformatted" ]; then echo "gofmt would change:" $$unformatted >&2; exit 1; fi
	$(GO) vet ./...
	$(GO) vet -tags vm ./internal/vm/...
	$(GO) tool staticcheck ./...
	$(GO) tool staticcheck -tags vm ./internal/vm/...
	$(GO) test -count=1 ./internal/imports

rows: ## Write docs/COVERAGE.md from the last make test (as root with XBFD_MUST_RUN=1) and make test-vm
	@mkdir -p $(dir $(TABLE))
	$(GO) run ./internal/rows/cmd/rowtable -o $(TABLE) $(ROWS) bin/vm/rows

docs: ## Write docs/commands.md, man pages, the file's schema and openapi.yaml from the code
	$(GO) test -count=1 ./cmd/xbfd -run '^TestReference$$' -update
	$(GO) test -count=1 ./internal/config -run '^TestSchema$$' -update-schema
	$(GO) test -count=1 ./internal/control -run '^TestOpenAPI$$' -update

# An installed file of sessions is the operator's and never touched.
install: build ## Install the program, unit, completions and man pages (PREFIX=/usr/local, DESTDIR)
	install -D -m 755 bin/xbfd '$(DESTDIR)$(PREFIX)/bin/xbfd'
	install -d -m 755 '$(DESTDIR)$(CONFDIR)' '$(DESTDIR)$(UNITS)' '$(DESTDIR)$(SHARE)/xbfd'
	test -e '$(DESTDIR)$(CONFDIR)/xbfd.yaml' || install -m 640 contrib/xbfd.yaml '$(DESTDIR)$(CONFDIR)/xbfd.yaml'
	install -m 644 contrib/xbfd.yaml contrib/alerts.yaml contrib/grafana.json '$(DESTDIR)$(SHARE)/xbfd'
	install -m 755 contrib/bird-hook '$(DESTDIR)$(SHARE)/xbfd'
	sed 's|/usr/local/bin/|$(PREFIX)/bin/|; s|/etc/xbfd/|$(CONFDIR)/|' contrib/xbfd.service >'$(DESTDIR)$(UNITS)/xbfd.service'
	chmod 644 '$(DESTDIR)$(UNITS)/xbfd.service'
	install -D -m 644 contrib/xbfd.sysusers '$(DESTDIR)$(USERS)/xbfd.conf'
	install -d '$(DESTDIR)$(SHARE)/bash-completion/completions' '$(DESTDIR)$(SHARE)/zsh/site-functions' \
	  '$(DESTDIR)$(SHARE)/fish/vendor_completions.d' '$(DESTDIR)$(SHARE)/man/man1'
	bin/xbfd completion bash >'$(DESTDIR)$(SHARE)/bash-completion/completions/xbfd'
	bin/xbfd completion zsh >'$(DESTDIR)$(SHARE)/zsh/site-functions/_xbfd'
	bin/xbfd completion fish >'$(DESTDIR)$(SHARE)/fish/vendor_completions.d/xbfd.fish'
	install -m 644 docs/man/*.1 '$(DESTDIR)$(SHARE)/man/man1'
	@if [ -z '$(DESTDIR)' ]; then \
	  if command -v systemd-sysusers >/dev/null; then systemd-sysusers '$(USERS)/xbfd.conf'; \
	  else getent passwd xbfd >/dev/null || useradd --system --user-group --home-dir / --shell /usr/sbin/nologin xbfd; fi; \
	  chgrp xbfd '$(CONFDIR)/xbfd.yaml'; \
	  if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi; \
	  echo "edit $(CONFDIR)/xbfd.yaml, then: systemctl enable --now xbfd"; \
	fi

uninstall: ## Remove what make install installed, but for the user and /etc/xbfd
	rm -f '$(DESTDIR)$(PREFIX)/bin/xbfd' '$(DESTDIR)$(UNITS)/xbfd.service' '$(DESTDIR)$(USERS)/xbfd.conf' \
	  '$(DESTDIR)$(SHARE)/bash-completion/completions/xbfd' '$(DESTDIR)$(SHARE)/zsh/site-functions/_xbfd' \
	  '$(DESTDIR)$(SHARE)/fish/vendor_completions.d/xbfd.fish' $(patsubst docs/man/%,'$(DESTDIR)$(SHARE)/man/man1/%',$(wildcard docs/man/*.1))
	rm -rf '$(DESTDIR)$(SHARE)/xbfd'

clean: ## Remove what was built
	rm -rf bin
