package main

import (
	"os"

	notify "github.com/coreos/go-systemd/v22/daemon"

	"github.com/xbfd/xbfd/internal/daemon"
)

// supervisor is systemd, where it started us (sd_notify(3)).
func supervisor() daemon.Supervisor {
	watchdog, err := notify.SdWatchdogEnabled(false)
	if os.Getenv("NOTIFY_SOCKET") == "" || err != nil {
		return daemon.Supervisor{}
	}
	return daemon.Supervisor{Watchdog: watchdog, Tell: tell}
}

// tell passes on what the daemon says. That nobody listens any more is no reason
// to stop.
func tell(p daemon.Phase) {
	text := map[daemon.Phase]string{
		daemon.Ready: notify.SdNotifyReady, daemon.Stopping: notify.SdNotifyStopping,
		daemon.Reloading: notify.SdNotifyReloading, daemon.Alive: notify.SdNotifyWatchdog,
	}[p]
	if p == daemon.Reloading {
		// Type=notify-reload wants to know of which reload (systemd.service(5)).
		text += "\n" + notify.SdNotifyMonotonicUsec()
	}
	_, _ = notify.SdNotify(false, text)
}
