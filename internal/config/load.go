package config

import (
	"fmt"
	"io"
	"os"
)

// maxFile is far more than any configuration needs: some 100,000 peers.
const maxFile = 16 << 20

// Load reads and parses the file at path. What is wrong in the file is an
// *Error; a file that cannot be read is an ordinary one.
func Load(path string) (Config, error) { return load(path, Parse) }

// LoadExaBGP is Load for the file of xbfd exabgp.
func LoadExaBGP(path string) (ExaBGP, error) { return load(path, ParseExaBGP) }

func load[T any](path string, parse func(source []byte, name string) (T, error)) (none T, err error) {
	f, err := os.Open(path)
	if err != nil {
		return none, fmt.Errorf("read configuration: %w", err)
	}
	defer f.Close()
	source, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return none, fmt.Errorf("read configuration: %w", err)
	}
	if len(source) > maxFile {
		return none, fmt.Errorf("read configuration: %s is longer than %d MiB", path, maxFile>>20)
	}
	return parse(source, path)
}

// Args are the arguments of `xbfd run LOCAL PEER`: one session without a file.
type Args struct {
	Local, Peer, Interface      string
	DesiredMinTx, RequiredMinRx uint32 // microseconds
	DetectMult                  uint8
}

// FromArgs returns the configuration of one session. The error is an *Error.
func FromArgs(a Args) (Config, error) {
	cfg := defaults("")
	var problems []Problem
	problem := func(field, text string) {
		problems = append(problems, Problem{Field: field, Text: text})
	}
	key := Key{Interface: a.Interface}
	var err error
	if key.Local, err = ParseAddr(a.Local); err != nil {
		problem(fieldLocal, err.Error())
	}
	if key.Peer, err = ParseAddr(a.Peer); err != nil {
		problem(fieldPeer, err.Error())
	}
	if len(problems) == 0 {
		own := Settings{DesiredMinTx: &a.DesiredMinTx, RequiredMinRx: &a.RequiredMinRx, DetectMult: &a.DetectMult}
		p, faults := NewPeer(key, "", own, nil)
		for _, f := range faults {
			problem(f.Field, f.Text)
		}
		cfg.Peers = []Peer{p}
	}
	if len(problems) > 0 {
		return Config{}, &Error{Problems: problems}
	}
	return cfg, nil
}

// Overrides are what the command line says instead of the file. Empty leaves
// the file's word.
type Overrides struct {
	Control, LogLevel, LogFormat, Transport string
}

// Apply returns cfg with o's word in it.
func (o Overrides) Apply(cfg Config) Config {
	if o.Control != "" {
		cfg.Control.Path = o.Control
	}
	if o.LogLevel != "" {
		cfg.Log.Level = logLevel(o.LogLevel)
	}
	if o.LogFormat != "" {
		cfg.Log.Format = o.LogFormat
	}
	if o.Transport != "" {
		cfg.Transport = o.Transport
	}
	return cfg
}
