package matrix

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Matrix is what is known: the cells by place and feature.
type Matrix map[Place]map[Feature]Outcome

// Add adds the cells that a guest has told, one JSON value a line. A cell that is
// told twice, or of no known row or column, is an error.
func (m Matrix) Add(text []byte) error {
	for line := range strings.Lines(string(text)) {
		var c Cell
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			return fmt.Errorf("read a cell: %w", err)
		}
		if !slices.Contains(Devices, c.Device) || !slices.Contains(Features, c.Feature) || c.Grade.rank() < 0 {
			return fmt.Errorf("%s, %s: the table has no such cell", c.Place, c.Feature)
		}
		if m[c.Place] == nil {
			m[c.Place] = map[Feature]Outcome{}
		}
		if _, twice := m[c.Place][c.Feature]; twice {
			return fmt.Errorf("%s, %s: told twice", c.Place, c.Feature)
		}
		m[c.Place][c.Feature] = c.Outcome
	}
	return nil
}

// Untested returns the cells of the places that nobody has told of.
func (m Matrix) Untested(places []Place) (names []string) {
	for _, p := range places {
		for _, f := range Features {
			if _, ok := m[p][f]; !ok {
				names = append(names, fmt.Sprintf("%s, %s", p, f))
			}
		}
	}
	return names
}

// places returns the rows in order.
func (m Matrix) places() (list []Place) {
	for p := range m {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b Place) int { return compare(Cell{Place: a}, Cell{Place: b}) })
	return list
}

// Difference is a cell that is not what it was.
type Difference struct {
	Place    Place
	Feature  Feature
	Was, Now string // as the table has them; "" where it had or has none
	Worse    bool
}

// String tells it in a line.
func (d Difference) String() string {
	word := "differs"
	if d.Worse {
		word = "is worse"
	}
	return fmt.Sprintf("%s, %s %s: %q, was %q", d.Place, d.Feature, word, d.Now, d.Was)
}

// Compare returns in what m differs from what was.
func (m Matrix) Compare(was Matrix) (all []Difference) {
	both := Matrix{}
	for _, part := range []Matrix{m, was} {
		for p := range part {
			both[p] = nil
		}
	}
	for _, p := range both.places() {
		for _, f := range Features {
			a, isNow := m[p][f]
			b, wasThere := was[p][f]
			if a == b && isNow == wasThere {
				continue
			}
			d := Difference{Place: p, Feature: f, Worse: wasThere && (!isNow || worse(Cell{Outcome: a}, Cell{Outcome: b}))}
			if isNow {
				d.Now = a.String()
			}
			if wasThere {
				d.Was = b.String()
			}
			all = append(all, d)
		}
	}
	return all
}
