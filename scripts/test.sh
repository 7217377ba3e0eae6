#!/usr/bin/env bash
# Everything that has to pass, step by step with times. `make test` runs it, and so does CI.
#
#	scripts/test.sh           all of it
#	scripts/test.sh lint      only gofmt, vet and staticcheck
#	scripts/test.sh fuzz      only the fuzz targets
#
# FUZZTIME is how long each fuzz target runs; the default is 5s. Needs bash, Go 1.26, and gcc for the race detector; telnet,
# nc and redis-server are installed by apt where that may be done.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

staticcheck=honnef.co/go/tools/cmd/staticcheck@v0.8.2

export TROUPE_REQUIRE_TOOLS=1                      # a test that needs telnet, nc or redis-server fails without it
export GOFLAGS="${GOFLAGS:+$GOFLAGS }-buildvcs=false" # no stamps, so that git need not be there
tests=(go test -count=1 -timeout=5m)

current=start
trap 'status=$?; ((status == 0)) || printf "\n=== FAILED in step: %s (exit code %d)\n" "$current" "$status"' EXIT

die() {
	printf '%s\n' "$@" >&2
	exit 1
}

# step NAME COMMAND... runs a command under a heading and says how long it took. A step that fails ends everything.
step() {
	current=$1
	local begin=$SECONDS
	printf '\n=== %s\n' "$current"
	shift
	"$@"
	printf -- '--- %d s\n' $((SECONDS - begin))
}

compilers() {
	command -v go || die "Go is missing: install Go 1.26 or later from https://go.dev/dl/."
	go version
	[ "$(go env CGO_ENABLED)" = 1 ] && command -v "$(go env CC)" ||
		die "A C compiler is missing, which the race detector needs: install gcc."
}

# clients sees to telnet and nc, which the tests of the examples talk to the servers with.
clients() {
	local missing=() root=()
	command -v telnet || missing+=(telnet)
	command -v nc || missing+=(netcat-openbsd)
	((${#missing[@]})) || return 0
	command -v apt-get >/dev/null || die "Missing: ${missing[*]}. Install them, and run this again."
	if [ "$(id -u)" != 0 ]; then
		sudo -n true 2>/dev/null || die "Missing: ${missing[*]}. Run: sudo apt-get install ${missing[*]}"
		root=(sudo -n)
	fi
	"${root[@]}" apt-get update -q
	"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
}

format() {
	local files
	files=$(gofmt -l .)
	[ -z "$files" ] || die "Not formatted by gofmt:" "$files"
}

# others builds for systems that no test runs on.
others() {
	GOOS=darwin GOARCH=arm64 go build ./... # the tests are Linux's
	GOOS=freebsd GOARCH=amd64 go build ./...
	GOOS=linux GOARCH=386 go build ./...
	GOOS=linux GOARCH=arm64 go vet ./...
}

fuzz() {
	local folder name
	while read -r folder name; do
		echo "$folder $name"
		go test -run='^$' -fuzz="^$name\$" -fuzztime="${FUZZTIME:-5s}" -fuzzminimizetime=5s -timeout=10m "$folder"
	done < <(grep -rHoE '^func Fuzz[A-Za-z0-9_]+' --include='*_test.go' . |
		sed -E 's|^(.*)/[^/]+:func (Fuzz.*)$|\1 \2|' | grep -v '^\./bench/' | sort)
}

in_bench() { (cd bench && "$@"); }

lint() {
	step "format" format
	step "build" go build ./...
	step "vet" go vet ./...
	step "staticcheck" go run "$staticcheck" ./...
	step "bench: build" in_bench go build ./...
	step "bench: vet" in_bench go vet ./...
	step "bench: staticcheck" in_bench go run "$staticcheck" ./...
}

all() {
	step "telnet and nc" clients
	step "redis-server" ./scripts/redis.sh
	lint
	step "other systems" others
	step "test with the race detector" "${tests[@]}" -race ./...
	step "test the portable poller" "${tests[@]}" -race -tags=troupe_poll ./reactor ./actors/...
	step "test memory, latency and allocations" "${tests[@]}" ./actors ./protocols/... ./pubsub/...
	step "fuzz" fuzz
	step "bench: smoke" in_bench go run ./cmd/bench smoke
	step "bench: test" in_bench "${tests[@]}" ./...
}

step "compilers" compilers
case ${1:-all} in
all) all ;;
lint) lint ;;
fuzz) step "fuzz" fuzz ;;
*) die "usage: scripts/test.sh [lint|fuzz]" ;;
esac
printf '\n=== everything passed in %d s\n' "$SECONDS"
