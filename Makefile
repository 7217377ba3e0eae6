# The targets of every day. What they run is also readable without make.

.PHONY: test lint fuzz run bench-echo bench-idle bench-blocked bench-paced bench-pubsub

# Everything that CI runs. Needs gcc, telnet, nc and redis-server; installs the last three by apt where it may.
test:
	./scripts/test.sh

# gofmt, vet and staticcheck.
lint:
	./scripts/test.sh lint

# Each fuzz target for a moment: make fuzz FUZZTIME=1m
fuzz:
	FUZZTIME=$(or $(FUZZTIME),5s) ./scripts/test.sh fuzz

# The chat server. Connect with: telnet localhost 3000
run:
	go run ./examples/chat

# Comparisons with other servers; see docs/benchmarks.md. Flags: make bench-echo ARGS="-rounds 9"
bench-echo bench-idle bench-blocked bench-paced bench-pubsub: bench-%:
	cd bench && go run ./cmd/bench $* $(ARGS)
