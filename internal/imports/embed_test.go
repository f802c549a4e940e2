package imports

import (
	"os/exec"
	"strings"
	"testing"
)

// embedded are the packages that other programs import.
var embedded = []string{"packet", "timerwheel", "client", "engine/...", "bpf", "netlinkmon", "examples/..."}

// TestGRPC: who embeds xbfd inherits no gRPC, and of GoBGP even the daemon has
// nothing but the api.
func TestGRPC(t *testing.T) {
	deps := func(patterns ...string) []string {
		t.Helper()
		cmd := exec.Command("go", append([]string{"list", "-deps"}, patterns...)...)
		cmd.Dir = "../.."
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.Fields(string(out))
	}
	var patterns []string
	for _, pkg := range embedded {
		patterns = append(patterns, "./"+pkg)
	}
	for _, dep := range deps(patterns...) {
		if within(dep, "google.golang.org/grpc") || within(dep, "github.com/osrg/gobgp/v4") {
			t.Errorf("a program that embeds xbfd inherits %s", dep)
		}
	}
	has := false
	for _, dep := range deps("./cmd/xbfd") {
		if dep == "github.com/osrg/gobgp/v4/api" {
			has = true
		} else if within(dep, "github.com/osrg/gobgp/v4") {
			t.Errorf("xbfd has %s of GoBGP, not only its api", dep)
		}
	}
	if !has {
		t.Error("xbfd has no api of GoBGP: does this test still look at the right packages?")
	}
}
