package vm

import "testing"

func TestNewestPackage(t *testing.T) {
	names := []string{
		"linux-image-6.1.0-9-cloud-amd64-unsigned", "linux-image-6.1.0-56-cloud-amd64-unsigned",
		"linux-image-6.1.0-57-cloud-amd64", "linux-image-6.1.0-57-rt-amd64-unsigned", "linux-image-6.1.0-57-cloud-arm64-unsigned",
		"linux-image-6.1.0-55-amd64-unsigned", "linux-image-6.1.0-8-amd64-unsigned", "linux-image-6.1.0-56-cloud-amd64-dbg",
		"linux-image-6.12.9+deb12-cloud-amd64-unsigned", "linux-image-6.12.117+deb12-cloud-amd64-unsigned",
		"linux-image-6.12.107+deb12-amd64-unsigned", "linux-image-6.1-cloud-amd64", "new-123",
	}
	for _, tt := range []struct {
		kernel Kernel
		want   string
	}{
		{Kernel{Series: "6.1", Cloud: true}, "linux-image-6.1.0-56-cloud-amd64-unsigned"},
		{Kernel{Series: "6.1"}, "linux-image-6.1.0-55-amd64-unsigned"},
		{Kernel{Series: "6.12", Cloud: true}, "linux-image-6.12.117+deb12-cloud-amd64-unsigned"},
		{Kernel{Series: "6.12"}, "linux-image-6.12.107+deb12-amd64-unsigned"},
		{Kernel{Series: "5.10"}, ""},
	} {
		if got := tt.kernel.newest(names); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.kernel, got, tt.want)
		}
	}
}

func TestModuleName(t *testing.T) {
	for path, want := range map[string]string{
		"kernel/net/sched/cls_bpf.ko":          "cls_bpf",
		"kernel/net/sched/cls-bpf.ko.xz":       "cls_bpf",
		"/lib/modules/6.1/modules.builtin":     "",
		"kernel/drivers/net/e1000e/e1000e.ko ": "",
	} {
		if got := moduleName(path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}
