package config

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
)

// Diff says what to do to sessions that run as before so that they run as
// after: create added, remove removed (as they are in before) and change
// changed (as they are in after). Each list is in the order of its file. What
// cannot change while a session lives is part of its Key, and so makes it one
// that is removed and another that is added.
func Diff(before, after []Peer) (added, removed, changed []Peer) {
	had := make(map[Key]Peer, len(before))
	for _, p := range before {
		had[p.Key()] = p
	}
	keeps := make(map[Key]bool, len(after))
	for _, p := range after {
		keeps[p.Key()] = true
		switch old, existed := had[p.Key()]; {
		case !existed:
			added = append(added, p)
		case !old.same(p):
			changed = append(changed, p)
		}
	}
	for _, p := range before {
		if !keeps[p.Key()] {
			removed = append(removed, p)
		}
	}
	return added, removed, changed
}

func (p Peer) same(q Peer) bool {
	p.Line, q.Line = 0, 0
	return p == q
}

// RestartNeeded returns the keys that differ between two configurations and
// that a running daemon cannot change: they wait for its next start.
func RestartNeeded(before, after Config) []string {
	var keys []string
	for _, k := range []struct {
		name string
		same bool
	}{
		{"control", before.Control == after.Control},
		{"metrics", before.Metrics == after.Metrics},
		{"workers", before.Workers.same(after.Workers)},
		{"fast-path", before.FastPath == after.FastPath},
		{"dplane", slices.Equal(before.DataPlane, after.DataPlane)},
		{"capture", before.Capture.same(after.Capture)},
	} {
		if !k.same {
			keys = append(keys, k.name)
		}
	}
	return keys
}

// ChangedSettings returns what differs between two configurations besides the
// sessions themselves and what RestartNeeded tells, in words such as "log" and
// "profile fast".
func ChangedSettings(before, after Config) []string {
	var list []string
	add := func(changed bool, what string) {
		if changed {
			list = append(list, what)
		}
	}
	add(before.Log != after.Log, "log")
	add(before.ShutdownHold != after.ShutdownHold, "shutdown-hold")
	add(before.Transport != after.Transport, "transport")
	add(!slices.Equal(before.Interfaces, after.Interfaces), "interfaces")
	add(before.Capture.OnDown != after.Capture.OnDown, "capture.on-down")
	add(before.EchoSource != after.EchoSource, sectionEcho)
	add(before.GoBGP != after.GoBGP, "gobgp")
	add(!SameHooks(before.Hooks, after.Hooks), "hooks")
	add(!sameRoutes(before.Routes, after.Routes), "routes")
	add(!sameGroups(before.NexthopGroups, after.NexthopGroups), sectionGroups)
	add(!sameAddresses(before.Addresses, after.Addresses), "addresses")
	keys := func(c Config) map[uint32]AuthKey {
		m := make(map[uint32]AuthKey)
		for _, k := range c.Keys {
			k.Line = 0
			m[k.ID] = k
		}
		return m
	}
	for _, id := range differing(keys(before), keys(after), func(a, b AuthKey) bool { return a == b }) {
		add(true, fmt.Sprintf("key %d", id))
	}
	for _, name := range differing(before.Profiles, after.Profiles, func(a, b Settings) bool { return reflect.DeepEqual(a, b) }) {
		add(true, "profile "+name)
	}
	return list
}

// differing returns the keys, sorted, that a and b have not both with the same
// value.
func differing[K cmp.Ordered, V any](a, b map[K]V, same func(V, V) bool) []K {
	var list []K
	for k, v := range a {
		if w, both := b[k]; !both || !same(v, w) {
			list = append(list, k)
		}
	}
	for k := range b {
		if _, both := a[k]; !both {
			list = append(list, k)
		}
	}
	slices.Sort(list)
	return list
}
