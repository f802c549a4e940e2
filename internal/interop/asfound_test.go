package interop

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// snapshot is all that xbfd could change of a host's namespace, by what it is.
func (h *host) snapshot(t testing.TB) map[string]string {
	t.Helper()
	s := make(map[string]string)
	for _, command := range []string{
		"ip -d link show", "ip address show", "ip route show table all", "ip -6 route show table all",
		"ip rule show", "ip -6 rule show", "tc qdisc show", "tc filter show dev a ingress", "tc filter show dev a egress",
	} {
		f := strings.Fields(command)
		out, err := h.Command(t.Context(), f[0], f[1:]...).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", command, err, out)
		}
		s[command] = string(out)
	}
	// Entries that the kernel makes and forgets by itself come and go.
	for _, n := range h.Neighs(t, h.ifname) {
		if n.State&netlink.NUD_PERMANENT != 0 || n.FlagsExt != 0 || n.Flags&^netlink.NTF_ROUTER != 0 {
			s["neighbour "+n.IP.String()] = fmt.Sprintf("%v state %x flags %x %x", n.HardwareAddr, n.State, n.Flags, n.FlagsExt)
		}
	}
	must(t, h.Do(func() error {
		for _, dir := range []string{"ipv4/conf", "ipv6/conf", "ipv4/neigh", "ipv6/neigh", "core"} {
			// One that cannot be read, such as a secret that is not set, is not xbfd's.
			_ = filepath.WalkDir("/proc/sys/net/"+dir, func(path string, _ fs.DirEntry, _ error) error {
				if value, err := os.ReadFile(path); err == nil {
					s[path] = string(value)
				}
				return nil
			})
		}
		features, err := features(h.ifname)
		s["features"] = fmt.Sprintf("%x", features)
		return err
	}))
	return s
}

// features asks ethtool's interface for what a driver has switched on.
func features(ifname string) (blocks [8][4]uint32, err error) {
	request := struct {
		command, size uint32
		blocks        [8][4]uint32 // available, requested, active, never changed
	}{command: unix.ETHTOOL_GFEATURES, size: 8}
	ifreq := struct {
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [16]byte
	}{data: unsafe.Pointer(&request)}
	copy(ifreq.name[:], ifname)
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return blocks, err
	}
	defer unix.Close(fd)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&ifreq))); errno != 0 {
		return blocks, errno
	}
	return request.blocks, nil
}

// others puts something of somebody else's wherever xbfd puts something, too.
func (h *host) others(t testing.TB) {
	t.Helper()
	h.Neigh(t, h.ifname, "192.0.2.77", []byte{2, 0, 0, 0, 0, 0x77})
	h.Sysctl(t, "net/ipv4/conf/a/rp_filter", "1")
	must(t, h.change(t, func(l netlink.Link) error {
		err := netlink.QdiscAdd(&netlink.Clsact{QdiscAttrs: netlink.QdiscAttrs{
			LinkIndex: l.Attrs().Index, Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_CLSACT,
		}})
		if err != nil {
			return err
		}
		p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
			Type: ebpf.SchedCLS, License: "GPL", Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, -1), asm.Return()},
		})
		if err != nil {
			return err
		}
		defer p.Close()
		return netlink.FilterAdd(&netlink.BpfFilter{
			FilterAttrs: netlink.FilterAttrs{LinkIndex: l.Attrs().Index, Parent: netlink.HANDLE_MIN_INGRESS, Priority: 9, Handle: 1, Protocol: unix.ETH_P_ALL},
			Fd:          p.FD(), Name: "other", DirectAction: true,
		})
	}))
}

// full is a configuration that uses what there is: single hop in all families,
// echo, multihop, live frames.
func full(from, to *host) string {
	// No session has to hold here; leaving takes a detection time, which is seconds with echo.
	config := strings.Replace(pair(from, to), fmt.Sprintf("detect-multiplier: %d", mult), "detect-multiplier: 2", 1)
	return strings.Replace(config, "profiles: {p: {", "profiles: {p: {echo-mode: true, ", 1) +
		fmt.Sprintf("  - {peer: %s, local-address: %s, multihop: true, profile: p, echo-mode: false}\n", farOf[to.ifname], farOf[from.ifname]) +
		"echo-source: {address: [10.10.10.2, \"2001:db8:10::2\"]}\nfast-path: {live-transmit: on}\n"
}

// farOf are addresses beyond the link, for multihop.
var farOf = map[string]string{"a": "198.51.100.1", "b": "198.51.100.2"}

// However xbfd ends, everything that it has found is in the end as it was: when it is
// told to stop, and after a kill with what follows, a cleanup or another start. What
// a kill leaves answers nobody meanwhile.
func TestEverythingIsLeftAsFound(t *testing.T) {
	t.Parallel()
	a, b := newLink(t)
	for _, h := range []*host{a, b} {
		must(t, h.Do(func() error {
			lo, err := netlink.LinkByName("lo")
			if err != nil {
				return err
			}
			address, err := netlink.ParseAddr(farOf[h.ifname] + "/32")
			if err != nil {
				return err
			}
			return netlink.AddrAdd(lo, address)
		}))
	}
	a.AddRoute(t, "a", farOf["b"]+"/32", b.v4.String())
	b.AddRoute(t, "b", farOf["a"]+"/32", a.v4.String())
	a.others(t)
	twin := start(t, b, full(b, a))
	before := a.snapshot(t)

	check := func(what string) {
		t.Helper()
		var after map[string]string
		for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
			if after = a.snapshot(t); maps.Equal(before, after) || time.Now().After(deadline) {
				break
			}
		}
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("%s (-before +after):\n%s", what, diff)
		}
	}
	run := func() *daemon {
		d := start(t, a, full(a, b))
		d.waitUp(t)
		twin.waitUp(t)
		if now := a.snapshot(t); maps.Equal(before, now) {
			t.Error("nothing has changed while xbfd runs: the snapshot sees too little")
		}
		return d
	}
	kill := func(d *daemon) {
		d.ended = true
		d.signal(t, syscall.SIGKILL)
		<-d.exited
		for _, s := range twin.sessions(t) {
			twin.waitState(t, s.Peer, "down")
		}
		received := func() (n uint64) {
			for _, s := range twin.sessions(t) {
				n += s.Counters.Rx
			}
			return n
		}
		was := received()
		time.Sleep(500 * time.Millisecond)
		if n := received(); n != was {
			t.Errorf("%d packets have come from a process that is dead", n-was)
		}
	}

	if code := run().stop(t); code != 0 {
		t.Errorf("exit status %d", code)
	}
	check("after SIGTERM")
	kill(run())
	r := xbfd(t, a, "cleanup") // which also tells of the other tests' daemons
	check("after a kill and a cleanup")
	if t.Failed() {
		t.Logf("cleanup:\n%s%s", r.stdout, r.stderr)
	}
	kill(run())
	if code := run().stop(t); code != 0 {
		t.Errorf("exit status %d", code)
	}
	check("after a kill and another start")
}
