package daemon

import (
	"context"
	"io"
	"log/slog"
	"sync/atomic"

	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
)

// logs decides what is logged and how, while the daemon runs. A logger has a
// topic, and all that is logged about it is let through when that is on,
// whatever the level of the rest.
type logs struct {
	level  slog.LevelVar
	json   atomic.Bool
	topics [topicCount]atomic.Bool
	to     io.Writer // nil: nothing is logged
}

// topic is something one may want to know everything about for a while, as with
// FRR's debug bfd.
type topic int

const (
	topicNone topic = iota
	topicPeer
	topicNetwork
	topicEvents
	topicCount
)

func newLogs(to io.Writer, c config.Log) *logs {
	l := &logs{to: to}
	l.set(c)
	return l
}

func (l *logs) set(c config.Log) {
	l.level.Set(c.Level)
	l.json.Store(c.Format == "json")
}

// logger returns a logger for a topic.
func (l *logs) logger(t topic) *slog.Logger {
	if l.to == nil {
		return slog.New(slog.DiscardHandler)
	}
	all := &slog.HandlerOptions{Level: slog.LevelDebug}
	return slog.New(&topicLog{logs: l, topic: t, text: slog.NewTextHandler(l.to, all), json: slog.NewJSONHandler(l.to, all)})
}

// topicLog is the slog.Handler of one topic.
type topicLog struct {
	logs       *logs
	topic      topic
	text, json slog.Handler
}

func (h *topicLog) Enabled(_ context.Context, level slog.Level) bool {
	return level >= h.logs.level.Level() || h.logs.topics[h.topic].Load()
}

func (h *topicLog) Handle(ctx context.Context, r slog.Record) error {
	if h.logs.json.Load() {
		return h.json.Handle(ctx, r)
	}
	return h.text.Handle(ctx, r)
}

func (h *topicLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &topicLog{h.logs, h.topic, h.text.WithAttrs(attrs), h.json.WithAttrs(attrs)}
}

func (h *topicLog) WithGroup(name string) slog.Handler {
	return &topicLog{h.logs, h.topic, h.text.WithGroup(name), h.json.WithGroup(name)}
}

// Debug returns which topics are on.
func (d *Daemon) Debug(context.Context) (control.Debug, error) {
	on := func(t topic) bool { return d.logs.topics[t].Load() }
	return control.Debug{Peer: on(topicPeer), Network: on(topicNetwork), Events: on(topicEvents)}, nil
}

// SetDebug switches topics.
func (d *Daemon) SetDebug(ctx context.Context, c control.DebugChange) (control.Debug, error) {
	for t, want := range map[topic]*bool{topicPeer: c.Peer, topicNetwork: c.Network, topicEvents: c.Events} {
		if want != nil {
			d.logs.topics[t].Store(*want)
		}
	}
	now, err := d.Debug(ctx)
	d.log.Info("debug", "peer", now.Peer, "network", now.Network, "events", now.Events)
	return now, err
}
