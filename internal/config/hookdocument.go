package config

import (
	"fmt"
	"net/netip"
	"slices"
)

// document returns h in the words of a file.
func (h Hook) document() DocHook {
	d := DocHook{
		Name: h.Name, On: h.On, Run: h.Run, URL: h.URL, Peer: slices.Clone(h.Peers), Interface: h.Interfaces, Profile: h.Profiles,
		Timeout: duration(h.Timeout), Concurrency: h.Concurrency, Dampening: &DocDampening{},
	}
	if h.URL != "" {
		d.Retries = &h.Retries
	}
	if h.Header.Name != "" {
		d.Header = &DocHeader{Name: h.Header.Name, Secret: SecretMask}
	}
	if h.Rate.Count > 0 {
		d.Rate = h.Rate.String()
	}
	if h.Dampening.Wait > 0 {
		d.Dampening = &DocDampening{duration(h.Dampening.Wait), duration(h.Dampening.Max)}
	}
	return d
}

// DocHook is an item of hooks, which has one of run and url.
type DocHook struct {
	Name        string        `json:"name,omitempty"`
	On          []string      `json:"on"`
	Run         []string      `json:"run,omitempty"`
	URL         string        `json:"url,omitempty"`
	Header      *DocHeader    `json:"header,omitempty"`
	Peer        []netip.Addr  `json:"peer,omitempty"`
	Interface   []string      `json:"interface,omitempty"`
	Profile     []string      `json:"profile,omitempty"`
	Timeout     string        `json:"timeout,omitempty"`
	Rate        string        `json:"rate,omitempty"`
	Concurrency int           `json:"concurrency,omitempty"`
	Retries     *int          `json:"retries,omitempty"`
	Dampening   *DocDampening `json:"dampening,omitempty"`
}

// DocHeader is the header of a hook, which has one of the secrets.
type DocHeader struct {
	Name       string `json:"name"`
	Secret     string `json:"secret,omitempty"`
	SecretFile string `json:"secret-file,omitempty"`
}

// DocDampening is the dampening of a hook; the zero DocDampening is "off".
type DocDampening struct {
	Wait string `json:"wait,omitempty"`
	Max  string `json:"maximum,omitempty"`
}

// MarshalJSON writes "off" for none.
func (d DocDampening) MarshalJSON() ([]byte, error) {
	if d.Wait == "" {
		return []byte(`"` + wordOff + `"`), nil
	}
	return fmt.Appendf(nil, `{"wait":%q,"maximum":%q}`, d.Wait, d.Max), nil
}
