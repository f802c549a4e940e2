package bench

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
)

// chart is a line chart with logarithmic x, written as SVG. A plotting package
// would come with fonts that it reads at every start of the daemon.
type chart struct {
	title, x, y string
	series      []series
}

type series struct {
	name   string
	points []point
}

type point struct{ x, y float64 }

func newChart(title, x, y string) *chart { return &chart{title: title, x: x, y: y} }

// add adds a line. Points that a logarithm cannot show are left out.
func (c *chart) add(name string, points []point) {
	s := series{name: name}
	for _, p := range points {
		if p.x > 0 && !math.IsNaN(p.y) && !math.IsInf(p.y, 0) {
			s.points = append(s.points, p)
		}
	}
	if len(s.points) > 0 {
		c.series = append(c.series, s)
	}
}

// save writes the chart into a directory, which is made if need be; "" writes
// nothing.
func (c *chart) save(dir, name string) error {
	if dir == "" || len(c.series) == 0 {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("write picture: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte(c.svg()), 0o644); err != nil {
		return fmt.Errorf("write picture: %w", err)
	}
	return nil
}

// The picture's measures in pixels.
const (
	width, height            = 720.0, 420.0
	left, right, top, bottom = 64.0, 110.0, 36.0, 48.0
)

var colours = []string{"#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf"}

// frame maps values to pixels.
type frame struct{ minX, maxX, maxY float64 }

func (c *chart) frame() frame {
	f := frame{minX: math.Inf(1)}
	for _, s := range c.series {
		for _, p := range s.points {
			f.minX, f.maxX, f.maxY = min(f.minX, p.x), max(f.maxX, p.x), max(f.maxY, p.y)
		}
	}
	if f.maxX <= f.minX {
		f.minX, f.maxX = f.minX/2, f.maxX*2
	}
	f.maxY = niceAbove(f.maxY)
	return f
}

// niceAbove is the next round number.
func niceAbove(v float64) float64 {
	if v <= 0 {
		return 1
	}
	base := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 7.5} {
		if v <= m*base*1.0001 {
			return m * base
		}
	}
	return 10 * base
}

func (f frame) px(x float64) float64 {
	return left + (width-left-right)*(math.Log(x)-math.Log(f.minX))/(math.Log(f.maxX)-math.Log(f.minX))
}

func (f frame) py(y float64) float64 { return height - bottom - (height-top-bottom)*y/f.maxY }

func (c *chart) svg() string {
	var b strings.Builder
	f := c.frame()
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" font-family="sans-serif" font-size="12">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="%g" height="%g" fill="white"/>`+"\n", width, height)
	text(&b, width/2, 20, "middle", c.title)
	text(&b, (left+width-right)/2, height-10, "middle", c.x)
	fmt.Fprintf(&b, `<text transform="translate(14 %g) rotate(-90)" text-anchor="middle">%s</text>`+"\n", (top+height-bottom)/2, escape(c.y))
	c.grid(&b, f)
	for i, s := range c.series {
		colour := colours[i%len(colours)]
		fmt.Fprintf(&b, `<polyline fill="none" stroke="%s" stroke-width="2" points="`, colour)
		for _, p := range s.points {
			fmt.Fprintf(&b, "%.1f,%.1f ", f.px(p.x), f.py(p.y))
		}
		fmt.Fprintln(&b, `"/>`)
		if len(s.points) <= 16 {
			for _, p := range s.points {
				fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`+"\n", f.px(p.x), f.py(p.y), colour)
			}
		}
		y := top + 16*float64(i) + 8
		fmt.Fprintf(&b, `<rect x="%g" y="%g" width="14" height="3" fill="%s"/>`+"\n", width-right+12, y-5, colour)
		text(&b, width-right+32, y, "start", s.name)
	}
	fmt.Fprintln(&b, "</svg>")
	return b.String()
}

func (c *chart) grid(b *strings.Builder, f frame) {
	for _, x := range ticks(f.minX, f.maxX) {
		line(b, f.px(x), top, f.px(x), height-bottom)
		text(b, f.px(x), height-bottom+16, "middle", fmt.Sprintf("%g", x))
	}
	for i := range 6 {
		y := f.maxY * float64(i) / 5
		line(b, left, f.py(y), width-right, f.py(y))
		text(b, left-6, f.py(y)+4, "end", fmt.Sprintf("%.3g", y))
	}
}

// ticks are the round numbers between two positive ones, few enough to be read.
func ticks(from, to float64) (list []float64) {
	steps := []float64{1, 2, 3, 5}
	if to/from > 1e4 {
		steps = []float64{1}
	}
	for base := math.Pow(10, math.Floor(math.Log10(from))); base <= to; base *= 10 {
		for _, s := range steps {
			if v := s * base; v >= from && v <= to {
				list = append(list, v)
			}
		}
	}
	return list
}

func line(b *strings.Builder, x1, y1, x2, y2 float64) {
	fmt.Fprintf(b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="#ddd"/>`+"\n", x1, y1, x2, y2)
}

func text(b *strings.Builder, x, y float64, anchor, s string) {
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>`+"\n", x, y, anchor, escape(s))
}

func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

// plotScale shows what sessions cost each engine.
func plotScale(dir string, all []ScaleResult) error {
	c := newChart("Processor time for sessions held without a false Down", "sessions", "cores")
	var names []string
	lines := make(map[string][]point)
	for _, r := range all {
		if r.Up < r.Sessions || r.FalseDownsDUT+r.FalseDownsPeer > 0 {
			continue
		}
		if lines[r.DUT] == nil {
			names = append(names, r.DUT)
		}
		lines[r.DUT] = append(lines[r.DUT], point{float64(r.Sessions), r.Cores})
	}
	for _, name := range names {
		c.add(name, lines[name])
	}
	return c.save(dir, "scale.svg")
}
