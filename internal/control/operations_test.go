package control_test

import (
	"reflect"

	"github.com/xbfd/xbfd/client"
	"github.com/xbfd/xbfd/internal/control"
)

// operation is what the published description of the API says of one route: what
// it takes, by an example of which, and what it answers.
type operation struct {
	route   string // "METHOD /path"
	summary string
	query   []string // of parameters, below
	body    reflect.Type
	example string // of a body; also tried
	at      string // the path that is tried, where it differs
	status  int
	answer  reflect.Type // nil: none
	media   string       // of the answer, unless it is JSON
	broken  []int        // the errors it may answer besides those that all may
}

// document stands for a whole configuration, which has a schema of its own.
type document struct{}

type signal struct {
	Diagnostic string `json:"diagnostic"` // forwarding-reset, path-down, concatenated-path-down, reverse-concatenated-path-down or none
}

type keyBody struct {
	Type      string `json:"type"`
	Secret    string `json:"secret,omitempty"`
	SecretHex string `json:"secret-hex,omitempty"`
}

var (
	one      = []string{"interface", "local", "multihop", "vrf"}
	filter   = []string{"interface", "local", "multihop", "owner", "peer", "profile", "state", "vrf"}
	session  = reflect.TypeFor[client.Session]()
	sessions = reflect.TypeFor[[]client.Session]()
)

var operations = []operation{
	{route: "GET /v1/sessions", summary: "list sessions", query: filter, status: 200, answer: sessions},
	{route: "POST /v1/sessions", summary: "create a session", body: reflect.TypeFor[client.SessionSpec](),
		example: `{"peer": "192.0.2.5", "interface": "eth0", "desired-min-tx-us": 10000, "auth": {"key": 1}}`, status: 201, answer: session, broken: []int{409, 422}},
	{route: "GET /v1/sessions/{id}", summary: "one session", query: one, status: 200, answer: session, broken: []int{404, 409}},
	{route: "PATCH /v1/sessions/{id}", summary: "change a session", query: one, body: reflect.TypeFor[client.SessionChange](),
		example: `{"detect-multiplier": 5, "shutdown": false}`, status: 200, answer: session, broken: []int{404, 409, 422}},
	{route: "POST /v1/sessions/{id}/auth", summary: "change a session's authentication", query: one, body: reflect.TypeFor[client.AuthChange](),
		example: `{"key": 1, "bfd-key-id": 13, "delayed": true}`, status: 200, answer: session, broken: []int{404, 409, 422}},
	{route: "POST /v1/sessions/{id}/poll", summary: "ask a session's peer for an answer now", query: one, status: 200, answer: session, broken: []int{404, 409, 422}},
	{route: "POST /v1/sessions/{id}/diag", summary: "tell a session what somebody else has found out", query: one, body: reflect.TypeFor[signal](),
		example: `{"diagnostic": "concatenated-path-down"}`, status: 200, answer: session, broken: []int{404, 409, 422}},
	{route: "POST /v1/sessions/{id}/clear", summary: "let a session's counters start again", query: one, body: reflect.TypeFor[client.ClearQuery](),
		example: `{"only-packets": true}`, status: 200, answer: session, broken: []int{404, 409}},
	{route: "POST /v1/sessions/{id}/capture", summary: "what was recorded of a session's packets", query: one, body: reflect.TypeFor[client.CaptureQuery](),
		example: `{"format": "json"}`, status: 200, answer: reflect.TypeFor[client.Capture](), broken: []int{404, 409}},
	{route: "PUT /v1/sessions/{id}/clients/{name}", summary: "share a session, or ask something else of it", query: one, body: reflect.TypeFor[client.ClientSpec](),
		example: `{"hold-off-us": 500000, "depends-only-on-bfd": true}`, at: "/v1/sessions/11/clients/ospfd", status: 200, answer: session, broken: []int{404, 409, 422}},
	{route: "DELETE /v1/sessions/{id}/clients/{name}", summary: "share a session no more", query: one, at: "/v1/sessions/11/clients/ospfd", status: 204, broken: []int{403, 404, 409}},
	{route: "DELETE /v1/sessions/{id}", summary: "remove a session", query: one, at: "/v1/sessions/192.0.2.5", status: 204, broken: []int{403, 404, 409}},
	{route: "GET /v1/echo-source", summary: "where Echo packets come from", status: 200, answer: reflect.TypeFor[client.EchoSource]()},
	{route: "PUT /v1/echo-source", summary: "change where Echo packets come from", body: reflect.TypeFor[client.EchoSource](),
		example: `{"interface": "lo", "address": []}`, status: 200, answer: reflect.TypeFor[client.EchoSource](), broken: []int{422}},
	{route: "DELETE /v1/echo-source", summary: "send no Echo packets any more", status: 204},
	{route: "GET /v1/keys", summary: "list the keys", status: 200, answer: reflect.TypeFor[[]client.Key]()},
	{route: "PUT /v1/keys/{id}", summary: "add a key, or change one", body: reflect.TypeFor[keyBody](),
		example: `{"type": "keyed-sha1", "secret": "hunter2"}`, at: "/v1/keys/2", status: 200, answer: reflect.TypeFor[client.Key](), broken: []int{403, 409, 422}},
	{route: "GET /v1/keys/{id}", summary: "one key", at: "/v1/keys/2", status: 200, answer: reflect.TypeFor[client.Key](), broken: []int{404}},
	{route: "DELETE /v1/keys/{id}", summary: "remove a key", at: "/v1/keys/2", status: 204, broken: []int{403, 404, 409}},
	{route: "GET /v1/routes", summary: "list the routes and addresses that sessions decide about", status: 200, answer: reflect.TypeFor[[]client.Route]()},
	{route: "GET /v1/profiles", summary: "list the profiles and who has them", status: 200, answer: reflect.TypeFor[[]client.Profile]()},
	{route: "GET /v1/counters", summary: "what all sessions have counted", status: 200, answer: reflect.TypeFor[client.Totals]()},
	{route: "POST /v1/counters/clear", summary: "let all counters start again", status: 204},
	{route: "GET /v1/config", summary: "the running configuration, secrets masked", status: 200, answer: reflect.TypeFor[document]()},
	{route: "PUT /v1/config", summary: "run by another configuration until the next reload: all of it or nothing", body: reflect.TypeFor[document](),
		example: `{"peers": [{"peer": "192.0.2.1", "detect-multiplier": 7}]}`, status: 200, answer: reflect.TypeFor[client.ReloadReport](), broken: []int{409, 422}},
	{route: "PATCH /v1/interfaces/{name}", summary: "change how an interface's packets travel, while its sessions run", body: reflect.TypeFor[client.InterfaceChange](),
		example: `{"transport": "udp"}`, at: "/v1/interfaces/eth0", status: 200, answer: reflect.TypeFor[client.InterfaceStatus](), broken: []int{404, 422}},
	{route: "GET /v1/debug", summary: "what is logged in full", status: 200, answer: reflect.TypeFor[client.Debug]()},
	{route: "PUT /v1/debug", summary: "change what is logged in full", body: reflect.TypeFor[client.DebugChange](),
		example: `{"peer": true}`, status: 200, answer: reflect.TypeFor[client.Debug]()},
	{route: "GET /v1/events", summary: "what happens, as it happens: one object a line", query: []string{"follow", "interface", "local", "peer", "since", "type"},
		at: "/v1/events?follow=false", status: 200, answer: reflect.TypeFor[client.Event](), media: "application/x-ndjson"},
	{route: "POST /v1/reload", summary: "read the file again: all of it or nothing", status: 200, answer: reflect.TypeFor[client.ReloadReport](), broken: []int{409, 422}},
	{route: "GET /v1/status", summary: "the daemon as a whole", status: 200, answer: reflect.TypeFor[client.Status]()},
	{route: "GET /v1/metrics", summary: "the daemon for Prometheus", status: 200, media: "text/plain"},
	{route: "GET /metrics", summary: "the same", status: 200, media: "text/plain"},
}

// parameters are those of queries.
var parameters = map[string]struct{ about, kind string }{
	"interface": {"only sessions on this interface", "string"},
	"local":     {"only sessions from this local address", "string"},
	"peer":      {"only sessions with this peer", "string"},
	"multihop":  {"only multihop sessions, or only others", "boolean"},
	"vrf":       {"only sessions in this VRF", "string"},
	"profile":   {"only sessions that have this profile", "string"},
	"owner":     {"only sessions that this owner asked for first", "string"},
	"state":     {"only sessions in this state: " + words(control.States), "string"},
	"follow":    {"false ends the answer with what there is", "boolean"},
	"since":     {"only events after the one with this seq", "integer"},
	"type":      {"only events of these types, with commas between them", "string"},
}
