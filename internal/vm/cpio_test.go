package vm

import (
	"bytes"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestArchive(t *testing.T) {
	var b bytes.Buffer
	a := &archive{w: &b}
	a.dir("etc")
	a.file("etc/hi", []byte("hello"))
	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	const (
		zero = "00000000"
		dev  = zero + zero + zero + zero
	)
	want := "070701" + "00000001" + "000041ED" + zero + zero + "00000001" + zero + zero + dev + "00000004" + zero + "etc\x00" + "\x00\x00" +
		"070701" + "00000002" + "000081ED" + zero + zero + "00000001" + zero + "00000005" + dev + "00000007" + zero + "etc/hi\x00" + "\x00\x00\x00" + "hello\x00\x00\x00" +
		"070701" + "00000003" + zero + zero + zero + "00000001" + zero + zero + dev + "0000000B" + zero + "TRAILER!!!\x00" + "\x00\x00\x00"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("archive (-want +got):\n%s", diff)
	}
}

// What others make of it.
func TestArchiveByCpio(t *testing.T) {
	cpio, err := exec.LookPath("cpio")
	if err != nil {
		cpio, err = exec.LookPath("busybox")
	}
	if err != nil {
		t.Log("neither cpio nor busybox is here; TestArchive has the bytes")
		return
	}
	var b bytes.Buffer
	a := &archive{w: &b}
	a.dir("bin")
	a.file("bin/odd", []byte("odd length"))
	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(cpio, "-t")
	if strings.HasSuffix(cpio, "busybox") {
		c = exec.Command(cpio, "cpio", "-t")
	}
	c.Stdin = &b
	out, err := c.Output()
	if err != nil || string(out) != "bin\nbin/odd\n" {
		t.Errorf("lists %q, %v", out, err)
	}
}

type full struct{ room int }

func (f *full) Write(p []byte) (int, error) {
	if f.room -= len(p); f.room < 0 {
		return 0, errors.New("full")
	}
	return len(p), nil
}

func TestArchiveTellsOfAnError(t *testing.T) {
	a := &archive{w: &full{150}}
	a.dir("etc")
	a.file("etc/hi", []byte("hello"))
	if err := a.close(); err == nil || err.Error() != "full" {
		t.Errorf("error %v", err)
	}
}
