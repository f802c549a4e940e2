package bench

import (
	"errors"
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// request is what the load peer can be asked for.
type request struct {
	Op       string `json:"op"`
	From, To int    `json:",omitempty"` // cut: the sessions from From up to but without To
}

// What a request may ask for.
const (
	opLook     = "look"     // how the sessions stand
	opReset    = "reset"    // forget what was seen so far
	opCut      = "cut"      // be silent in some sessions
	opSpeak    = "speak"    // be silent in none
	opDetected = "detected" // how the cut was noticed
	opGaps     = "gaps"     // the distribution of gaps
	opSend     = "send"     // what sending costs; before the engine under test runs
)

// reply answers every request with the counts; the rest only when asked for.
type reply struct {
	At        int64     `json:"at"` // CLOCK_MONOTONIC, ns
	Up        int       `json:"up"` // sessions up at both ends
	AllUpAt   int64     `json:"all_up_at"`
	Cut       int       `json:"cut"` // sessions up that fell silent just now
	Detected  int       `json:"detected"`
	Rx        uint64    `json:"rx"` // what the engine under test sent
	Tx        uint64    `json:"tx"`
	DownsDUT  uint64    `json:"downs_dut"`     // leaving Up, as its packets say
	OwnDUT    uint64    `json:"declared_dut"`  // of those, the ones for our silence
	DownsPeer uint64    `json:"downs_peer"`    // leaving Up, our own sessions
	OwnPeer   uint64    `json:"declared_peer"` // of those, the ones for its silence
	MaxGap    int64     `json:"max_gap"`       // ns
	Gaps      gapCounts `json:"gaps"`
	Sends     sends     `json:"sends"`     // since the start
	MaxStall  int64     `json:"max_stall"` // how late the load peer itself was, ns
	Gone      int       `json:"gone"`      // how often it was so late that sessions may have failed for it
	Lost      uint64    `json:"lost"`      // packets that its rings had no room for

	Detections []detection            `json:"detections,omitempty"`
	Send       price                  `json:"send,omitzero"`       // of opSend
	Failed     string                 `json:"failed,omitempty"`    // why there is no answer
	Histogram  *hdrhistogram.Snapshot `json:"histogram,omitempty"` // us
}

// answer runs on the loop.
func (p *peer) answer(r request) reply {
	w := p.watch
	var answer reply
	switch r.Op {
	case opReset:
		w.reset(int64(now()))
		p.failure, p.late, p.gone = failures{}, 0, 0
	case opCut:
		answer.Cut = w.cut(r.From, r.To)
	case opSpeak:
		w.cut(0, 0)
	case opDetected:
		answer.Detections = w.detected(p.o.Mult)
	case opSend:
		answer.Send, answer.Failed = p.price()
	case opGaps:
		answer.Histogram = w.histogram.Export()
	}
	c := p.wire.Counters()
	answer.At, answer.Up, answer.AllUpAt, answer.Detected = int64(now()), w.both, w.allUpAt, w.detections
	answer.Rx, answer.Tx, answer.MaxGap, answer.Gaps = w.rx+w.heard.count(), w.tx, w.longest(answer.At), w.gaps
	answer.DownsDUT, answer.OwnDUT = w.downs, w.declared
	answer.DownsPeer, answer.OwnPeer = p.failure.downs, p.failure.declared
	answer.Sends = p.tap.sends
	answer.MaxStall, answer.Gone = int64(p.late), p.gone
	answer.Lost = c["xsk_rx_dropped"] + c["xsk_rx_ring_full"] + c["xsk_rx_fill_empty"]
	return answer
}

// price finds out what sends cost, and for live frames that they leave at all.
func (p *peer) price() (paid price, failed string) {
	if p.o.Live {
		if err := p.tap.trustLive(p.wire); err != nil {
			return paid, err.Error()
		}
	}
	return p.tap.price(p.o.Live), ""
}

// peerLink is the load peer as the measurement knows it.
type peerLink struct{ part *part }

func startPeer(l *lab, program string, o peerOptions) (*peerLink, error) {
	p, err := startPart(l.load, l.loadCPU, program, "peer", o)
	if err != nil {
		return nil, err
	}
	return &peerLink{p}, nil
}

// ask sends a request and waits for the answer.
func (p *peerLink) ask(r request) (answer reply, err error) {
	timer := time.AfterFunc(3*patience, func() { _ = p.part.cmd.Process.Kill() })
	defer timer.Stop()
	if err := p.part.send(r); err != nil {
		return answer, fmt.Errorf("ask the load peer: %w", err)
	}
	if err := p.part.out.Decode(&answer); err != nil {
		return answer, fmt.Errorf("ask the load peer: %w", err)
	}
	if answer.Failed != "" {
		return answer, errors.New(answer.Failed)
	}
	return answer, nil
}

func (p *peerLink) look() (reply, error) { return p.ask(request{Op: opLook}) }
