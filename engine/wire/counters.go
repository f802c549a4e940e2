package wire

// Counters returns the interface's counters by name: the XDP program's
// verdicts, the kernel's statistics of the AF_XDP sockets, summed over the
// queues, and the paths' own counts of what went wrong.
func (i *Interface) Counters() map[string]uint64 {
	c := i.rings(nil)
	for _, r := range i.udp {
		c["udp_rx_errors"] += r.failed.Load()
	}
	return c
}

func (q *queue) addTo(c map[string]uint64) {
	if s, err := q.statistics(); err == nil {
		c["xsk_rx_dropped"] += s.Rx_dropped
		c["xsk_rx_ring_full"] += s.Rx_ring_full
		c["xsk_rx_fill_empty"] += s.Rx_fill_ring_empty_descs
		c["xsk_rx_invalid"] += s.Rx_invalid_descs
		c["xsk_tx_invalid"] += s.Tx_invalid_descs
	}
	c["xsk_rx_bad"] += q.count.rxBad.Load()
	c["xsk_tx_bad"] += q.count.txBad.Load()
	c["xsk_tx_link_down"] += q.count.txLinkDown.Load()
	c["xsk_tx_refused"] += q.count.txRefused.Load()
	c["xsk_tx_error"] += q.count.txError.Load()
}
