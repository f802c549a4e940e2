package matrix

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const preamble = "# Kernels and drivers\n\n" +
	"Made by `make test-vm` from what virtual machines showed, `make kernels` puts it here; do not edit.\n" +
	"Each row is two daemons with 32 sessions between two namespaces, over two interfaces of that driver\n" +
	"that lead to each other, with that device on top. Cards are QEMU's models of them, whose faults\n" +
	"a real card need not have. Numbers in brackets are the reasons below.\n\n" +
	"- **transport**: how packets travel. *works* is native XDP, with AF_XDP rings.\n" +
	"- **heard**: XDP takes in the packets that say nothing new; it did.\n" +
	"- **insurance**: one daemon was stopped for longer than its peer's Detection Time; no session went down at either end.\n" +
	"- **live transmit**: asked for, and a batch left as live frames and arrived.\n" +
	"- **up**: every session came up, over IPv4 and IPv6.\n" +
	"- **detected in**: one daemon fell silent; every session of the other went down when its Detection Time was over and not before.\n\n"

// String is the outcome in words: "works: how", "falls back to how: why",
// "refused: why".
func (o Outcome) String() string { return o.text(": " + o.Why) }

func (o Outcome) text(why string) string {
	if o.Why == "" {
		why = ""
	}
	switch {
	case o.Grade == Works && o.How != "":
		return "works: " + o.How
	case o.Grade == Fallback:
		return "falls back to " + o.How + why
	}
	return string(o.Grade) + why
}

// Render writes the document. The same cells give the same document.
func (m Matrix) Render() string {
	var b strings.Builder
	b.WriteString(preamble)
	var reasons []string
	kernel := ""
	for _, p := range m.places() {
		if p.Kernel != kernel {
			kernel = p.Kernel
			fmt.Fprintf(&b, "\n## Linux %s\n\n| driver | device |", kernel)
			for _, f := range Features {
				fmt.Fprintf(&b, " %s |", f)
			}
			b.WriteString("\n|---|---|" + strings.Repeat("---|", len(Features)) + "\n")
		}
		fmt.Fprintf(&b, "| %s | %s |", p.Driver, p.Device)
		for _, f := range Features {
			o, ok := m[p][f]
			if !ok {
				b.WriteString(" |")
				continue
			}
			note := ""
			if o.Why != "" {
				i := slices.Index(reasons, o.Why)
				if i < 0 {
					i, reasons = len(reasons), append(reasons, o.Why)
				}
				note = fmt.Sprintf(" [%d]", i+1)
			}
			fmt.Fprintf(&b, " %s |", o.text(note))
		}
		b.WriteString("\n")
	}
	if len(reasons) > 0 {
		b.WriteString("\n## Reasons\n\n")
		for i, r := range reasons {
			fmt.Fprintf(&b, "%d. %s\n", i+1, r)
		}
	}
	return b.String()
}

var (
	heading = regexp.MustCompile(`^## Linux (\S+)$`)
	reason  = regexp.MustCompile(`^(\d+)\. (.*)$`)
	noted   = regexp.MustCompile(`^(.*) \[(\d+)\]$`)
)

// Parse reads a document that Render has written.
func Parse(text string) (Matrix, error) {
	reasons := map[string]string{}
	for line := range strings.Lines(text) {
		if f := reason.FindStringSubmatch(strings.TrimSpace(line)); f != nil {
			reasons[f[1]] = f[2]
		}
	}
	m := Matrix{}
	kernel := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if f := heading.FindStringSubmatch(line); f != nil {
			kernel = f[1]
		}
		row := strings.Split(strings.Trim(line, "|"), "|")
		if len(row) != 2+len(Features) || kernel == "" || row[0] == "---" || strings.TrimSpace(row[0]) == "driver" {
			continue
		}
		p := Place{kernel, Driver(strings.TrimSpace(row[0])), Device(strings.TrimSpace(row[1]))}
		m[p] = map[Feature]Outcome{}
		for i, f := range Features {
			cell := strings.TrimSpace(row[2+i])
			if cell == "" {
				continue
			}
			o, err := parseOutcome(cell, reasons)
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w", p, f, err)
			}
			m[p][f] = o
		}
	}
	return m, nil
}

func parseOutcome(cell string, reasons map[string]string) (o Outcome, err error) {
	if f := noted.FindStringSubmatch(cell); f != nil {
		why, ok := reasons[f[2]]
		if !ok {
			return o, fmt.Errorf("no reason %s", strconv.Quote(f[2]))
		}
		cell, o.Why = f[1], why
	}
	for _, form := range []struct {
		prefix string
		grade  Grade
	}{{"works: ", Works}, {"falls back to ", Fallback}} {
		if how, ok := strings.CutPrefix(cell, form.prefix); ok {
			o.Grade, o.How = form.grade, how
			return o, nil
		}
	}
	o.Grade = Grade(cell)
	if o.Grade != Works && o.Grade != Refused {
		return o, fmt.Errorf("%q is no outcome", cell)
	}
	return o, nil
}
