// Package control is how people and programs look into a running xbfd and
// change it: HTTP and JSON under /v1/ on a unix socket.
//
//	CLI, curl, package client --> unix socket --Server--> Backend (whoever runs sessions)
//
// The package owns the socket, the routes, the shape of requests, answers and
// errors, and nothing else: what a request means is the Backend's business. No
// request, however malformed, stops the server, and none reaches the Backend
// unchecked: unknown keys, wrong types and impossible values are answered here.
//
// Every answer that is not a success is one object,
//
//	{"error":{"code":"not-found","message":"…","field":"…"}}
//
// whose code is one of the Code constants.
package control
