package bench

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"time"
)

// birdDUT is BIRD with nothing but its BFD protocol.
type birdDUT struct {
	setup
	proc      *process
	log       journal
	elsewhere int    // of the first sessions its other protocols ask for
	foreign   bool   // it has no BFD
	more      string // of its configuration
}

func newBIRD(s setup) (dut, error) {
	if _, err := exec.LookPath("bird"); err != nil {
		return nil, &Missing{"BIRD", "package bird2"}
	}
	return &birdDUT{setup: s}, nil
}

func (d *birdDUT) start(ctx context.Context) (err error) {
	if err := d.write("conf", d.config()); err != nil {
		return err
	}
	d.proc, err = spawn(d.lab.dut, d.lab.dutCPU, &d.log, nil, "bird", "-f", "-c", d.path("conf"), "-s", d.path("ctl"), "-P", d.path("pid"))
	return err
}

func (d *birdDUT) config() string {
	var b strings.Builder
	fmt.Fprint(&b, "router id 192.0.2.254;\nlog stderr all;\ntimeformat log iso long us;\nprotocol device { scan time 3600; }\n")
	if d.foreign {
		return b.String() + d.more
	}
	fmt.Fprintf(&b, "protocol bfd bfd1 {\n debug { events };\n interface %q { interval %d us; multiplier %d; };\n",
		ifname, d.interval.Microseconds(), d.mult)
	for k := d.elsewhere; k < d.sessions; k++ {
		fmt.Fprintf(&b, " neighbor %v dev %q local %v;\n", remote(k), ifname, local(k))
	}
	fmt.Fprint(&b, "}\n", d.more)
	return b.String()
}

func (d *birdDUT) ready() error {
	if !d.fifo {
		return nil
	}
	return makeRealTime(d.proc.pid)
}

func (d *birdDUT) process() *process { return d.proc }

func (d *birdDUT) downs() (int, error) { return d.log.count(" changed state from Up to "), nil }

// read asks for all sessions: BIRD shows no single one.
func (d *birdDUT) read() error {
	_, err := d.ask("show bfd sessions")
	return err
}

// ask sends a command to the control socket. The last line of an answer begins
// with four digits and a space.
func (d *birdDUT) ask(command string) (string, error) {
	c, err := net.DialTimeout("unix", d.path("ctl"), patience)
	if err != nil {
		return "", fmt.Errorf("ask BIRD: %w", err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return "", fmt.Errorf("ask BIRD: %w", err)
	}
	r := bufio.NewReader(c)
	if _, err := r.ReadString('\n'); err != nil { // the greeting
		return "", fmt.Errorf("ask BIRD: %w", err)
	}
	if _, err := fmt.Fprintln(c, command); err != nil {
		return "", fmt.Errorf("ask BIRD: %w", err)
	}
	var all strings.Builder
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return all.String(), fmt.Errorf("ask BIRD: %w", err)
		}
		all.WriteString(line)
		if len(line) > 4 && line[4] == ' ' && line[0] >= '0' && line[0] <= '9' {
			return all.String(), nil
		}
	}
}

func (d *birdDUT) facts() facts {
	return facts{Version: versionOf("bird", "--version"), Transport: "udp", Transmit: "socket", Heard: "off", Insurance: "off"}
}

func (d *birdDUT) stop() error { return d.proc.kill() }

// versionOf is the first line that a program says of itself.
func versionOf(program string, args ...string) string {
	out, err := exec.Command(program, args...).CombinedOutput()
	if err != nil && len(out) == 0 {
		return ""
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(line)
}

func (d *birdDUT) said() string { return d.log.said() }
