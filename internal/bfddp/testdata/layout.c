/*
 * Prints one message of each type as a C compiler lays it out: the fields in the
 * order and of the sizes that the protocol has, with no packing. The values are
 * those of golden_test.go.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct header { uint8_t version, zero; uint16_t type, id, length; };
struct echo { uint64_t dp_time, bfdd_time; };
struct session {
	uint32_t flags;
	struct in6_addr src, dst;
	uint32_t lid, min_tx, min_rx, min_echo_tx, min_echo_rx, hold_time;
	uint8_t ttl, detect_mult;
	uint16_t zero;
	uint32_t ifindex;
	char ifname[64];
};
struct state {
	uint32_t lid, rid, remote_flags, desired_tx, required_rx, required_echo_rx;
	uint8_t state, diagnostics, detection_multiplier;
};
struct request { uint32_t lid; };
struct counters {
	uint32_t lid;
	uint64_t control_in_bytes, control_in_packets, control_out_bytes, control_out_packets;
	uint64_t echo_in_bytes, echo_in_packets, echo_out_bytes, echo_out_packets;
};
struct message {
	struct header header;
	union { struct echo echo; struct session session; struct state state; struct request request; struct counters counters; } data;
};

static void print(const char *name, int type, int id, struct message *m, size_t body)
{
	size_t i, length = sizeof(m->header) + body;

	m->header.version = 1;
	m->header.type = htons(type);
	m->header.id = htons(id);
	m->header.length = htons(length);
	printf("%s ", name);
	for (i = 0; i < length; i++)
		printf("%02x", ((unsigned char *)m)[i]);
	printf("\n");
}

int main(void)
{
	struct message m;

	memset(&m, 0, sizeof(m));
	m.data.echo.dp_time = htobe64(0x0102030405060708);
	m.data.echo.bfdd_time = htobe64(0x1112131415161718);
	print("echo-request", 0, 7, &m, sizeof(struct echo));
	print("echo-reply", 1, 0, &m, sizeof(struct echo));

	memset(&m, 0, sizeof(m));
	m.data.session.flags = htonl(1 | 4 | 0x20);
	inet_pton(AF_INET, "192.0.2.2", &m.data.session.src);
	inet_pton(AF_INET, "198.51.100.1", &m.data.session.dst);
	m.data.session.lid = htonl(0x86041d0a);
	m.data.session.min_tx = htonl(50000);
	m.data.session.min_rx = htonl(60000);
	m.data.session.min_echo_tx = htonl(70000);
	m.data.session.min_echo_rx = htonl(80000);
	m.data.session.hold_time = htonl(90000);
	m.data.session.ttl = 254;
	m.data.session.detect_mult = 3;
	print("add-multihop", 2, 0, &m, sizeof(struct session));

	m.data.session.flags = htonl(2 | 8 | 0x10 | 0x40);
	inet_pton(AF_INET6, "fe80::2", &m.data.session.src);
	inet_pton(AF_INET6, "fe80::1", &m.data.session.dst);
	m.data.session.ttl = 255;
	m.data.session.ifindex = htonl(4);
	strcpy(m.data.session.ifname, "eth0");
	print("delete-ipv6", 3, 0, &m, sizeof(struct session));

	memset(&m, 0, sizeof(m));
	m.data.state.lid = htonl(0x86041d0a);
	m.data.state.rid = htonl(0x0a0b0c0d);
	m.data.state.remote_flags = htonl(5);
	m.data.state.desired_tx = htonl(1000000);
	m.data.state.required_rx = htonl(300000);
	m.data.state.required_echo_rx = htonl(50000);
	m.data.state.state = 3;
	m.data.state.diagnostics = 1;
	m.data.state.detection_multiplier = 5;
	print("state-change", 4, 0, &m, sizeof(struct state));

	memset(&m, 0, sizeof(m));
	m.data.request.lid = htonl(0x86041d0a);
	print("request-counters", 5, 0x1234, &m, sizeof(struct request));

	memset(&m, 0, sizeof(m));
	m.data.counters.lid = htonl(0x86041d0a);
	m.data.counters.control_in_bytes = htobe64(1);
	m.data.counters.control_in_packets = htobe64(2);
	m.data.counters.control_out_bytes = htobe64(3);
	m.data.counters.control_out_packets = htobe64(4);
	m.data.counters.echo_in_bytes = htobe64(5);
	m.data.counters.echo_in_packets = htobe64(6);
	m.data.counters.echo_out_bytes = htobe64(7);
	m.data.counters.echo_out_packets = htobe64(1ULL << 40);
	print("session-counters", 6, 0x1234, &m, sizeof(struct counters));
	return 0;
}
