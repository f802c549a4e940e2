package bench

import (
	"math"
	"slices"
)

// FailoverRatio compares an engine's median with that of FRR and its own bfdd: 2 is
// twice as long.
type FailoverRatio struct {
	Last   float64 `json:"fib_last"`        // silence until the last route is changed
	Beyond float64 `json:"fib_last_beyond"` // of that what is beyond the Detection Time
	Onward float64 `json:"bgp_last"`        // silence until the BGP neighbour knows of the last one
}

// sum makes the distributions of the cuts.
func (res *FailoverResult) sum(kernel, onward bool) {
	var list [5][]float64
	res.Early, res.Incomplete = 0, 0
	for _, c := range res.All {
		if c.DetectionTime == 0 || c.FIB.First < 0 || c.Onward.First < 0 {
			res.Early++
			continue
		}
		if c.Down == 0 || kernel && c.FIB.Count < res.Routes || onward && c.Onward.Count < res.Routes {
			res.Incomplete++
		}
		for i, v := range []float64{c.Down, c.FIB.First, c.FIB.Last, c.Onward.Last, c.Outage} {
			if v > 0 {
				list[i] = append(list[i], v)
			}
		}
	}
	for i, d := range []*Distribution{&res.Down, &res.First, &res.Last, &res.Onward, &res.Outage} {
		*d = exactly(list[i])
	}
}

// exactly is the distribution of a few values.
func exactly(list []float64) Distribution {
	if len(list) == 0 {
		return Distribution{}
	}
	slices.Sort(list)
	at := func(q float64) float64 { return list[int(math.Ceil(q*float64(len(list))))-1] }
	return Distribution{int64(len(list)), at(0.5), at(0.9), at(0.99), at(0.999), list[len(list)-1]}
}

const failoverLine = "%-11s %6v  %-20s  %-20s  %-20s  %-20s  %s"

// line writes it for people.
func (res *FailoverResult) line(say *printer) {
	pair := func(d Distribution) string {
		if d.Count == 0 {
			return "-"
		}
		return short(d.P50) + " / " + short(d.Max)
	}
	say.line(failoverLine, res.DUT, res.Routes, pair(res.Down), pair(res.First), pair(res.Last), pair(res.Outage), pair(res.Onward))
	if res.Early+res.Incomplete > 0 {
		say.line("%-11s of %d cuts %d were not followed to the end, and before %d the session had failed by itself", "", res.Trials, res.Incomplete, res.Early)
	}
}

// beyond is the median of the last route, less the Detection Time, in us.
func (res *FailoverResult) beyond() float64 {
	if len(res.All) == 0 || res.Last.Count == 0 {
		return 0
	}
	return max(res.Last.P50-float64(res.All[0].DetectionTime), 1)
}

// compare puts the results of one number of routes beside that of FRR.
func compare(same []*FailoverResult, say *printer) {
	var frr *FailoverResult
	for _, res := range same {
		if res.DUT == "frr" {
			frr = res
		}
	}
	if frr == nil || frr.Last.Count == 0 {
		return
	}
	for _, res := range same {
		ratio := &FailoverRatio{Onward: over(res.Onward.P50, frr.Onward.P50)}
		if res.Last.Count > 0 {
			ratio.Last, ratio.Beyond = over(res.Last.P50, frr.Last.P50), over(res.beyond(), frr.beyond())
		}
		res.Ratio = ratio
		if res != frr && res.Last.Count > 0 {
			say.line("%-11s %6d  %.2f of FRR's time to the last route; beyond the Detection Time %.3f", res.DUT, res.Routes, ratio.Last, ratio.Beyond)
		}
	}
}

func over(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// plotFailover shows what comes on top of the Detection Time.
func plotFailover(dir string, all []*FailoverResult) error {
	c := newChart("Last route changed, after the Detection Time", "routes", "ms (median)")
	var names []string
	lines := make(map[string][]point)
	for _, res := range all {
		if res.Last.Count == 0 {
			continue
		}
		if lines[res.DUT] == nil {
			names = append(names, res.DUT)
		}
		lines[res.DUT] = append(lines[res.DUT], point{float64(res.Routes), res.beyond() / 1000})
	}
	for _, name := range names {
		c.add(name, lines[name])
	}
	return c.save(dir, "failover.svg")
}
