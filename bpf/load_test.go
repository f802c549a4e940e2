package bpf

import (
	"errors"
	"testing"
)

// strictAlignment makes the verifier as strict as on a machine that cannot read
// words from odd places (BPF_F_STRICT_ALIGNMENT).
const strictAlignment = 1

// Where the kernel refuses what hears, the rest of the program does its work.
func TestLoadWithoutHearing(t *testing.T) {
	b := newLaneRig(t)
	for _, tt := range []struct {
		name    string
		load    func(p *Program) error
		refused bool
	}{
		{"hearing, strict", func(p *Program) error { return p.loadAs(1, true, strictAlignment) }, true},
		{"not hearing, strict", func(p *Program) error { return p.loadAs(1, false, strictAlignment) }, false},
		{"as a kernel so strict has it", func(p *Program) error { return p.load(b.tables, 1, strictAlignment) }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := &Program{tables: b.tables, heard: errNoLanes}
			err := tt.load(p)
			if refused(err) != tt.refused {
				t.Fatalf("error %v, want refused: %v", err, tt.refused)
			}
			if tt.refused {
				return
			}
			must(t, err)
			t.Cleanup(func() { must(t, p.Close()) })
			must(t, p.SetMAC(stationMAC))
			must(t, p.SetSocket(0, rxSocket(t)))
			frame := v4().your(discr).bytes(t)
			b.expect(t, frame)
			if _, verdict, _ := (rig{p, b.tables}).run(t, frame); verdict != "steered" {
				t.Errorf("verdict %q, want steered", verdict)
			}
			if p.Heard() == nil {
				t.Error("the program says that it hears")
			}
			if err := p.Insure(InsureTX); !errors.Is(err, ErrNoInsurance) {
				t.Errorf("insurance without hearing: error %v", err)
			}
		})
	}
	if b.Heard() != nil {
		t.Errorf("the program of an ordinary kernel does not hear: %v", b.Heard())
	}
}

// Without lanes nothing of it is loaded.
func TestLoadNoLanes(t *testing.T) {
	newLaneRig(t) // requires root
	tables, err := NewTables(1, 0)
	must(t, err)
	t.Cleanup(func() { must(t, tables.Close()) })
	if tables.Lanes() != nil {
		t.Error("lanes without any")
	}
	p := new(Program)
	must(t, p.load(tables, 1, 0))
	t.Cleanup(func() { must(t, p.Close()) })
	if !errors.Is(p.Heard(), errNoLanes) {
		t.Errorf("heard: %v", p.Heard())
	}
}
