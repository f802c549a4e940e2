package config

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// Document is a configuration in the words of the file: its JSON, which is YAML
// too, is one that Parse reads back. Times are texts such as "50ms". It is also
// what the schema is made from.
type Document struct {
	Control      *DocControl            `json:"control,omitempty"`
	Log          *DocLog                `json:"log,omitempty"`
	Metrics      *DocMetrics            `json:"metrics,omitempty"`
	Transport    string                 `json:"transport,omitempty"`
	Interfaces   []DocInterface         `json:"interfaces,omitempty"`
	Workers      *DocWorkers            `json:"workers,omitempty"`
	FastPath     *DocFastPath           `json:"fast-path,omitempty"`
	Capture      *DocCapture            `json:"capture,omitempty"`
	ShutdownHold string                 `json:"shutdown-hold,omitempty"`
	DataPlane    []DocDPlane            `json:"dplane,omitempty"`
	EchoSource   *DocEchoSource         `json:"echo-source,omitempty"`
	GoBGP        *DocGoBGP              `json:"gobgp,omitempty"`
	Keys         []DocKey               `json:"keys,omitempty"`
	Profiles     map[string]DocSettings `json:"profiles,omitempty"`
	Peers        []DocPeer              `json:"peers,omitempty"`
	Hooks        []DocHook              `json:"hooks,omitempty"`
	Routes       []DocRoute             `json:"routes,omitempty"`
	Groups       []DocNexthopGroup      `json:"nexthop-groups,omitempty"`
	Addresses    []DocAddress           `json:"addresses,omitempty"`
}

// DocControl is the section control.
type DocControl struct {
	Path  string `json:"path,omitempty"`
	Group string `json:"group,omitempty"`
	Mode  string `json:"mode,omitempty"` // octal
}

// DocLog is the section log.
type DocLog struct {
	Level  string `json:"level,omitempty"`
	Format string `json:"format,omitempty"`
}

// DocMetrics is the section metrics.
type DocMetrics struct {
	Listen   string `json:"listen,omitempty"`
	Sessions *int   `json:"sessions,omitempty"`
}

// DocInterface is an item of interfaces.
type DocInterface struct {
	Name      string `json:"name"`
	Transport string `json:"transport,omitempty"`
	EchoLoop  string `json:"echo-loop,omitempty"`
	RxQueue   *int   `json:"rx-queue,omitempty"`
}

// DocWorkers is the section workers.
type DocWorkers struct {
	Count       int    `json:"count,omitempty"`
	CPUs        []int  `json:"cpus,omitempty"`
	Capacity    *int   `json:"capacity,omitempty"`
	MinInterval string `json:"minimum-interval,omitempty"`
	Scheduling  string `json:"scheduling,omitempty"`
	Priority    int    `json:"priority,omitempty"`
	Wait        string `json:"wait,omitempty"`
}

// DocFastPath is the section fast-path.
type DocFastPath struct {
	Heard     string `json:"heard,omitempty"`
	Insurance string `json:"insurance,omitempty"`
	Live      string `json:"live-transmit,omitempty"`
	DeadMan   string `json:"dead-man,omitempty"`
}

// DocCapture is the section capture.
type DocCapture struct {
	Frames        *int   `json:"frames,omitempty"`
	Pool          int    `json:"pool,omitempty"`
	OnDown        string `json:"on-down,omitempty"`
	ShowPasswords bool   `json:"show-passwords,omitempty"`
}

// DocDPlane is an item of dplane, which has one of the two addresses.
type DocDPlane struct {
	Connect string `json:"connect,omitempty"`
	Listen  string `json:"listen,omitempty"`
	Hold    string `json:"hold,omitempty"`
	Group   string `json:"group,omitempty"`
}

// DocEchoSource is the section echo-source, which has one of the two.
type DocEchoSource struct {
	Interface string       `json:"interface,omitempty"`
	Address   []netip.Addr `json:"address,omitempty"`
}

// DocGoBGP is the section gobgp.
type DocGoBGP struct {
	API           string `json:"api"`
	FromNeighbors bool   `json:"from-neighbors,omitempty"`
	Profile       string `json:"profile,omitempty"`
}

// DocKey is an item of keys, which has one of the secrets.
type DocKey struct {
	ID         uint32 `json:"id"`
	Type       string `json:"type"`
	Secret     string `json:"secret,omitempty"`
	SecretHex  string `json:"secret-hex,omitempty"`
	SecretFile string `json:"secret-file,omitempty"`
}

func (i Interface) document() DocInterface {
	d := DocInterface{Name: i.Name, Transport: i.Transport, EchoLoop: i.EchoLoop}
	if queue := i.SteerTo - 1; queue >= 0 {
		d.RxQueue = &queue
	}
	return d
}

// SecretMask stands where a secret would. No secret can be like it in a file.
const SecretMask = "***"

// Document returns c in the words of a file. Secrets are masked. A peer has what
// it does not get from its profile or the defaults.
func (c Config) Document() Document {
	doc := Document{
		Control:   &DocControl{Path: c.Control.Path, Group: c.Control.Group, Mode: fmt.Sprintf("%04o", uint32(c.Control.Mode))},
		Log:       &DocLog{Level: strings.ToLower(c.Log.Level.String()), Format: c.Log.Format},
		Metrics:   &DocMetrics{Listen: c.Metrics.Listen, Sessions: &c.Metrics.Sessions},
		Transport: c.Transport,
		Workers: &DocWorkers{
			Count: c.Workers.Count, CPUs: c.Workers.CPUs, Capacity: &c.Workers.Capacity,
			MinInterval: FormatInterval(uint64(c.Workers.MinInterval)),
			Scheduling:  c.Workers.Scheduling, Priority: c.Workers.Priority, Wait: c.Workers.Wait,
		},
		FastPath: &DocFastPath{
			Heard: c.FastPath.Heard, Insurance: c.FastPath.Insurance, Live: c.FastPath.LiveTransmit,
			DeadMan: duration(c.FastPath.DeadMan),
		},
		Capture: &DocCapture{
			Frames: &c.Capture.Frames, Pool: c.Capture.Pool, OnDown: c.Capture.OnDown, ShowPasswords: c.Capture.ShowPasswords,
		},
		ShutdownHold: duration(c.ShutdownHold),
	}
	for _, i := range c.Interfaces {
		doc.Interfaces = append(doc.Interfaces, i.document())
	}
	for _, p := range c.DataPlane {
		doc.DataPlane = append(doc.DataPlane, p.document())
	}
	if e := c.EchoSource; e.Set() {
		doc.EchoSource = &DocEchoSource{Interface: e.Interface}
		for _, a := range []netip.Addr{e.IPv4, e.IPv6} {
			if a.IsValid() {
				doc.EchoSource.Address = append(doc.EchoSource.Address, a)
			}
		}
	}
	if c.GoBGP.API != "" {
		doc.GoBGP = new(DocGoBGP(c.GoBGP))
	}
	for _, k := range c.Keys {
		doc.Keys = append(doc.Keys, DocKey{ID: k.ID, Type: KeyTypeName(k.Method), Secret: SecretMask})
	}
	for name, s := range c.Profiles {
		if doc.Profiles == nil {
			doc.Profiles = make(map[string]DocSettings, len(c.Profiles))
		}
		doc.Profiles[name] = s.Document()
	}
	for _, p := range c.Peers {
		doc.Peers = append(doc.Peers, p.document(c.Profiles[p.Profile]))
	}
	for _, h := range c.Hooks {
		doc.Hooks = append(doc.Hooks, h.document())
	}
	c.documentRoutes(&doc)
	return doc
}

func duration(d time.Duration) string { return FormatInterval(uint64(d.Microseconds())) }
