package wire

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/xbfd/xbfd/internal/netns"
	"github.com/xbfd/xbfd/packet"
)

// The program that holds the port in the tests below, started from this binary:
// its value is the port.
const holderEnv = "XBFD_TEST_HOLD_PORT"

func TestMain(m *testing.M) {
	if os.Getenv(holderEnv) != "" {
		holdPort()
		return
	}
	os.Exit(m.Run())
}

func holdPort() {
	port, err := strconv.Atoi(os.Getenv(holderEnv))
	fd := -1
	if err == nil {
		fd, err = unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM, 0)
	}
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrInet6{Port: port})
	}
	fmt.Println("holding", err)
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
}

// hold has another program take a port of both families until the test ends.
func (e *end) hold(t *testing.T, port int) (pid int) {
	t.Helper()
	holder := e.Command(t.Context(), os.Args[0])
	holder.Env = append(os.Environ(), fmt.Sprintf("%s=%d", holderEnv, port))
	stdin, err := holder.StdinPipe()
	must(t, err)
	stdout, err := holder.StdoutPipe()
	must(t, err)
	must(t, holder.Start())
	t.Cleanup(func() {
		stdin.Close()
		_ = holder.Wait() // t.Context may have ended it
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	must(t, err)
	if line != "holding <nil>\n" {
		t.Fatalf("the holder says %q", line)
	}
	return holder.Process.Pid
}

// Another program has port 3784: with XDP that costs the second path and is
// told, without it is an error, and both name the owner.
func TestPortTaken(t *testing.T) {
	r := newRig(t, netns.VethOptions{})
	pid, name := r.a.hold(t, packet.PortControl), "wire.test"

	_, err := r.a.tryOpen(Options{Transport: TransportUDP})
	var taken *PortTakenError
	if !errors.Is(err, ErrPortTaken) || !errors.As(err, &taken) {
		t.Fatalf("UDP only: error %v, want ErrPortTaken", err)
	}
	if diff := cmp.Diff(PortTakenError{Port: 3784, PID: pid, Name: name}, *taken); diff != "" {
		t.Errorf("UDP only (-want +got):\n%s", diff)
	}
	if _, err = r.a.tryOpen(Options{NoXDP: errors.New("no")}); !errors.Is(err, ErrPortTaken) {
		t.Errorf("auto without XDP: error %v, want ErrPortTaken", err)
	}

	a, b := r.a.open(t, Options{}), r.b.open(t, Options{})
	want := fmt.Sprintf("UDP port 3784 is taken by %s (pid %d)", name, pid)
	if status := a.UDPStatus(); !strings.Contains(status, want) {
		t.Errorf("UDP status %q, want %q", status, want)
	}
	for family := range 2 {
		send(b.Port(0), r.b.template(family), true, 1, 5)
		if n := len(receive(t, a.Port(0), 5)); n != 5 {
			t.Errorf("XDP without sockets: received %d of 5", n)
		}
	}
}

func TestPortInodes(t *testing.T) {
	const table = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  421: 00000000:0EC8 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 15213 2 00000000aa2b37c9 0
  422: 0100007F:0EC9 00000000:0EC8 07 00000000:00000000 00:00000000 00000000     0        0 15214 2 00000000aa2b37ca 0
  423: 0100007F:0EC8
  424: 00000000000000000000000000000000:0EC8 00000000000000000000000000000000:0000 07 0:0 00:0 0 0 0 999 2 0 0
`
	inodes := make(map[string]bool)
	portInodes(strings.NewReader(table), 3784, inodes)
	if diff := cmp.Diff(map[string]bool{"15213": true, "999": true}, inodes); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if e := (&PortTakenError{Port: 3784}); !strings.Contains(e.Error(), "cannot be seen") {
		t.Errorf("unknown owner: %v", e)
	}
}
