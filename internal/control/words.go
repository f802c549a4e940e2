package control

import "github.com/xbfd/xbfd/client"

// The words of the API are package client's, which is for everybody; here they go
// by their own names.
type (
	Session          = client.Session
	SessionClient    = client.SessionClient
	SessionAuth      = client.SessionAuth
	SessionSpec      = client.SessionSpec
	SessionChange    = client.SessionChange
	ClientSpec       = client.ClientSpec
	ClientFlags      = client.ClientFlags
	AuthUse          = client.AuthUse
	AuthSpec         = client.AuthSpec
	AuthChange       = client.AuthChange
	Key              = client.Key
	Echo             = client.Echo
	EchoSource       = client.EchoSource
	Loop             = client.Loop
	RTT              = client.RTT
	Bucket           = client.Bucket
	Demand           = client.Demand
	FastPath         = client.FastPath
	Margin           = client.Margin
	LastChange       = client.LastChange
	Counters         = client.Counters
	Status           = client.Status
	SessionCounts    = client.SessionCounts
	WorkerStatus     = client.WorkerStatus
	Process          = client.Process
	InterfaceStatus  = client.InterfaceStatus
	InterfaceChange  = client.InterfaceChange
	LowerStatus      = client.LowerStatus
	DataPlane        = client.DataPlane
	DataPlaneTraffic = client.DataPlaneTraffic
	LastReload       = client.LastReload
	HookStatus       = client.HookStatus
	ReloadReport     = client.ReloadReport
	Totals           = client.Totals
	Profile          = client.Profile
	Route            = client.Route
	RouteMember      = client.RouteMember
	RouteCounts      = client.RouteCounts
	ProfileUser      = client.ProfileUser
	SessionDiff      = client.SessionDiff
	Debug            = client.Debug
	DebugChange      = client.DebugChange
	GoBGPStatus      = client.GoBGPStatus

	InterfaceCounters = client.InterfaceCounters

	Capture       = client.Capture
	CapturedFrame = client.CapturedFrame

	Times        = client.Times
	Event        = client.Event
	EventSession = client.EventSession
	EventQuery   = client.EventQuery
	Cause        = client.Cause
	Evidence     = client.Evidence

	Client = client.Client
	Target = client.Target
	Filter = client.Filter
	Error  = client.Error
	Code   = client.Code
)

// The codes of errors.
const (
	CodeBadRequest  = client.CodeBadRequest
	CodeNotFound    = client.CodeNotFound
	CodeAmbiguous   = client.CodeAmbiguous
	CodeExists      = client.CodeExists
	CodeInUse       = client.CodeInUse
	CodeConflict    = client.CodeConflict
	CodeCapacity    = client.CodeCapacity
	CodeNotOwner    = client.CodeNotOwner
	CodeInvalid     = client.CodeInvalid
	CodeUnavailable = client.CodeUnavailable
	CodeInternal    = client.CodeInternal
)

// NewClient returns a Client for the socket at path.
func NewClient(path string) *Client { return client.New(path) }

// States are the values Filter.State may have.
var States = client.States

// EventTypes are the values of Event.Type, but for EventLost.
var EventTypes = client.EventTypes

// EventLost is the type of a line that stands for events that cannot be read.
const EventLost = client.EventLost

// ErrNoDaemon is in the error of a Client when nobody listens on the socket.
var ErrNoDaemon = client.ErrNoDaemon
