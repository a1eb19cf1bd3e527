package main

import (
	"net/netip"
	"testing"
)

// The order that MetalLB's hash gives is known for these.
func TestTheOwnerIsTheOneThatMetalLBChooses(t *testing.T) {
	nodes := []string{"node-a", "node-b", "node-c"}
	for address, want := range map[string]string{"172.18.0.10": "node-b", "172.18.0.20": "node-a"} {
		if got := owner(nodes, netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}
