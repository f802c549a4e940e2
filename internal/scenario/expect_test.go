package scenario

import (
	"errors"
	"fmt"
	"strings"

	"github.com/xbfd/xbfd/engine/session"
	"github.com/xbfd/xbfd/packet"
)

// What can be expected, each with the names that its table or function knows:
//
//	expect session …     what D's API says                          status_test.go
//	expect first|last|all|final …   fields of the first, the last, all of D's
//	                     Control packets that are no Finals, or of the latest
//	                     Final                                      fields_test.go
//	expect packets n= gap= finals= polls=     how many, how far apart; Finals
//	                     are only in finals
//	expect echoes n= gap= and fields          D's Echo packets
//	expect looped n= ttl= same= delay= host=  T's Echo packets that came back
//	expect events list=down/control-expiry,up failures=    what D's clients heard
//	expect drops total=auth_digest:5,ttl:1    all that D has ever discarded, or
//	                     ttl=1, of one reason
//	expect refused why=duplicate              the answer to the latest act
//	expect route is=withdrawn                 what a client of D's has made of it
type query struct {
	b     *bed
	d     *device
	since session.Time
}

var subjects = map[string]func(*query, string) (seen, error){
	"session": (*query).session,
	"first":   (*query).first,
	"last":    (*query).last,
	"all":     (*query).all,
	"final":   (*query).final,
	"packets": (*query).packets,
	"echoes":  (*query).echoes,
	"looped":  (*query).looped,
	"events":  (*query).told,
	"drops":   (*query).drops,
	"refused": (*query).refused,
	"route":   (*query).route,
}

// expect compares. The error is of a line that cannot be judged; what differs
// goes to failures.
func (b *bed) expect(st *statement) error {
	q := query{b: b, d: b.sessions["D"], since: b.acted}
	if len(st.words) > 0 {
		if q.d = b.sessions[st.words[0]]; q.d == nil || len(st.words) > 1 {
			return fmt.Errorf("%q is not understood", strings.Join(st.words, " "))
		}
	}
	if v, ok := st.take("since"); ok {
		var err error
		if q.since, err = parseDuration(v); err != nil {
			return err
		}
	}
	look := subjects[st.verb]
	if look == nil {
		return fmt.Errorf("nothing can be expected of %q", st.verb)
	}
	if len(st.args) == 0 {
		return fmt.Errorf("expect %s: nothing is compared", st.verb)
	}
	for _, a := range st.args {
		got, err := look(&q, a.name)
		if errors.Is(err, errNoPacket) {
			b.failures = append(b.failures, st.errorf(b.sc, "%s %s: %w", st.verb, a.name, err))
			continue
		}
		if err != nil {
			return fmt.Errorf("%s %s: %w", st.verb, a.name, err)
		}
		same, err := got.meets(a.value)
		switch {
		case same:
		case b.update:
			b.sc.replace(st.no, a.name, a.value, got.String())
		case err != nil:
			return fmt.Errorf("%s %s: %w", st.verb, a.name, err)
		default:
			b.failures = append(b.failures, st.errorf(b.sc, "%s %s is %v, want %s", st.verb, a.name, got, a.value))
		}
	}
	return nil
}

var errUnknownName = errors.New("there is no such name")

// mine returns the frames of the session since the query's start that keep says
// yes to.
func (q *query) mine(keep func(*heard) bool) (some []*heard) {
	for i := range q.b.heard {
		h := &q.b.heard[i]
		if h.at >= q.since && keep(h) {
			some = append(some, h)
		}
	}
	return some
}

func (q *query) control(finals bool) []*heard {
	return q.mine(func(h *heard) bool { return h.isControl && h.MyDiscr == q.d.discr && h.Final == finals })
}

var errNoPacket = errors.New("none was sent since the latest act")

func (q *query) first(name string) (seen, error) {
	all := q.control(false)
	if len(all) == 0 {
		return seen{}, errNoPacket
	}
	return field(all[0], q, name)
}

func (q *query) last(name string) (seen, error) { return q.latest(q.control(false), name) }

func (q *query) final(name string) (seen, error) { return q.latest(q.control(true), name) }

func (q *query) latest(all []*heard, name string) (seen, error) {
	if len(all) == 0 {
		return seen{}, errNoPacket
	}
	return field(all[len(all)-1], q, name)
}

// all is the value that all packets have, or the different ones in order.
func (q *query) all(name string) (seen, error) {
	return q.same(q.control(false), name)
}

func (q *query) same(all []*heard, name string) (seen, error) {
	if len(all) == 0 {
		return seen{}, errNoPacket
	}
	var out seen
	var words []string
	for i, h := range all {
		v, err := field(h, q, name)
		if err != nil {
			return seen{}, err
		}
		if i == 0 {
			out = v
		}
		if v.number {
			out.lo, out.hi = min(out.lo, v.lo), max(out.hi, v.hi)
		} else if len(words) == 0 || words[len(words)-1] != v.word {
			words = append(words, v.word)
		}
	}
	if !out.number {
		out.word = strings.Join(words, "|")
	}
	return out, nil
}

func (q *query) packets(name string) (seen, error) {
	if name == "finals" {
		return count(len(q.control(true))), nil
	}
	all := q.control(false)
	if name == "polls" {
		polls := 0
		for _, h := range all {
			if h.Poll {
				polls++
			}
		}
		return count(polls), nil
	}
	return numbers(all, name)
}

// numbers are how many and how far apart.
func numbers(all []*heard, name string) (seen, error) {
	switch {
	case name == "n":
		return count(len(all)), nil
	case name != "gap":
		return seen{}, errUnknownName
	case len(all) < 2:
		return seen{}, fmt.Errorf("%d packets have no gap", len(all))
	}
	lo, hi := session.Never, session.Time(0)
	for i := 1; i < len(all); i++ {
		gap := all[i].at - all[i-1].at
		lo, hi = min(lo, gap), max(hi, gap)
	}
	return span(lo, hi), nil
}

func (q *query) echoes(name string) (seen, error) {
	st, _ := q.b.host.Status(q.d.discr)
	all := q.mine(func(h *heard) bool {
		return h.dgram.DstPort == packet.PortEcho && h.looped == 0 && h.dgram.SrcPort == st.SourcePort
	})
	if name == "n" || name == "gap" {
		return numbers(all, name)
	}
	return q.same(all, name)
}
