/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Benchmark of the bridge, in network namespaces of its own: a sender floods one end of a veth
 * pair, the bridge is between that pair and another one. Told are the ns a packet that skep spends
 * with a program that counts, the same loop over the same rings with a plain copy in the program's
 * place, and what arrives of 0.6 million packets a second. Turns are taken; medians count.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "event/port.h"
#include "skep.h"

enum { ROUNDS = 7, PACKETS = 300000, SIZE = 60, BURST = 60 };
static const double PACE_NS = 1e9 / 600000; /* at 0.6 million a second */

static const char source[] =
	"#include <linux/bpf.h>\n"
	"#include <bpf/bpf_helpers.h>\n"
	"struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 256);\n"
	"\t__type(key, __u32); __type(value, __u64); } counts SEC(\".maps\");\n"
	"SEC(\"xdp\") int count(struct xdp_md *ctx)\n"
	"{\n"
	"\tunsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;\n"
	"\t__u32 key = data + 24 <= end ? data[23] : 0;\n"
	"\t__u64 *n = bpf_map_lookup_elem(&counts, &key);\n"
	"\tif (n)\n\t\t__sync_fetch_and_add(n, 1);\n"
	"\treturn XDP_PASS;\n"
	"}\n"
	"char LICENSE[] SEC(\"license\") = \"GPL\";\n";

static double clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double now(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static double cpu_now(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *values, int count)
{
	qsort(values, (size_t)count, sizeof(*values), compare);
	return values[count / 2];
}

/* ---- the lab ---- */

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd >= 0) {
		if (write(fd, text, strlen(text)) < 0)
			fprintf(stderr, "%s: %s\n", path, strerror(errno));
		close(fd);
	}
}

static int make_lab(void)
{
	char map[64];
	uid_t uid = getuid();
	gid_t gid = getgid();

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET))
		return -errno;
	write_text("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "0 %u 1", uid);
	write_text("/proc/self/uid_map", map);
	snprintf(map, sizeof(map), "0 %u 1", gid);
	write_text("/proc/self/gid_map", map);
	return system("PATH=$PATH:/usr/sbin:/sbin; "
		      "ip link add send0 type veth peer name left && "
		      "ip link add right type veth peer name recv0 && "
		      "for i in send0 left right recv0; do "
		      "ip link set $i addrgenmode none && ip link set $i up || exit 1; done")
		       ? -ENODEV
		       : 0;
}

/* Packets that arrived on recv0. */
static u64 arrived(void)
{
	FILE *file = fopen("/proc/self/net/dev", "re");
	char line[512];
	unsigned long long bytes, packets = 0;

	while (file && fgets(line, sizeof(line), file)) {
		const char *at = strstr(line, "recv0:");

		if (at && sscanf(at, "recv0: %llu %llu", &bytes, &packets) == 2)
			break;
	}
	if (file)
		fclose(file);
	return packets;
}

/* PACKETS of them, as fast as they go or at a pace; how many a second. */
static double flood(struct port *port, bool paced)
{
	static const u8 packet[SIZE] = {
		2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, [23] = 17
	};
	double start = now();

	for (int i = 0; i < PACKETS; i++) {
		port_send(port, packet, SIZE, NULL);
		if (i % BURST == BURST - 1)
			port_flush(port);
		while (paced && now() < start + i * PACE_NS)
			;
	}
	port_flush(port);
	return PACKETS * 1e9 / (now() - start);
}

/* ---- the same rings with a copy only ---- */

struct copier {
	struct port in, out;
	volatile bool stop;
	double busy;
	u64 packets;
};

static void copy(void *arg, struct port_frame *frame)
{
	struct copier *copier = arg;
	u8 *slot = port_slot(&copier->out);

	copier->packets++;
	if (!slot)
		return;
	memcpy(slot + PACKET_HEADROOM, frame->bytes, frame->len);
	port_put_slot(&copier->out, PACKET_HEADROOM, frame->len);
}

static void *run_copier(void *arg)
{
	struct copier *copier = arg;
	double start;
	u64 flushed;
	u32 got;

	do {
		start = cpu_now();
		flushed = copier->out.flush_ns;
		got = port_receive(&copier->in, copy, copier);
		port_flush(&copier->out);
		if (got)
			copier->busy +=
				cpu_now() - start - (double)(copier->out.flush_ns - flushed);
		if (!got)
			usleep(300);
	} while (!copier->stop || got);
	return NULL;
}

/* ns a packet */
static double time_rings(struct port *sender)
{
	struct copier copier = { .stop = false };
	pthread_t thread;

	if (port_open(&copier.in, "left", true, NULL) ||
	    port_open(&copier.out, "right", false, NULL))
		return 0;
	pthread_create(&thread, NULL, run_copier, &copier);
	flood(sender, false);
	usleep(50000);
	copier.stop = true;
	pthread_join(thread, NULL);
	port_close(&copier.in);
	port_close(&copier.out);
	return copier.busy / (double)copier.packets;
}

/* ---- the bridge ---- */

/* ns a packet; *rate packets a second were sent, *lost of them did not arrive. */
static double time_bridge(struct skep *skep, struct port *sender, bool paced, double *rate,
			  u64 *lost)
{
	struct skep_bridge_opts opts = {
		.sz = sizeof(opts), .a = "left", .b = "right", .trace_fd = -1
	};
	struct skep_bridge_result r;
	struct skep_bridge *bridge;
	u64 before = arrived();

	if (skep_bridge_open(&bridge, skep, &opts) || skep_bridge_start(bridge))
		exit(1);
	*rate = flood(sender, paced);
	skep_bridge_stop(bridge, &r);
	*lost = PACKETS - (arrived() - before);
	return (double)r.busy_ns / (double)max(r.side[0].packets, (u64)1);
}

static void say_stderr(void *arg, const char *text, size_t len)
{
	(void)arg;
	fwrite(text, 1, len, stderr);
}

static int load(struct skep *skep, struct skep_object **object)
{
	struct skep_object_opts opts = { .sz = sizeof(opts),
					 .log = say_stderr,
					 .interfaces = "left,right" };
	struct skep_compile_opts how = { .sz = sizeof(how), .log = say_stderr };
	char path[] = "/tmp/skep-bench-XXXXXX.bpf.c";
	int fd = mkstemps(path, 6), err;
	size_t size;
	void *bytes;

	if (fd < 0 || write(fd, source, sizeof(source) - 1) < 0)
		return -errno;
	close(fd);
	err = skep_compile(path, &how, &bytes, &size);
	unlink(path);
	if (!err)
		err = skep_object_open(object, skep, bytes, size, &opts);
	if (!err)
		err = skep_object_load(*object, NULL, 0);
	return err ? err : min(skep_object_attach(*object), 0);
}

static int bench(void)
{
	double rings[ROUNDS], full[ROUNDS], fast[ROUNDS], rate[ROUNDS], paced_rate[ROUNDS];
	u64 lost = 0, lost_paced = 0, n;
	struct skep_opts opts = { .sz = sizeof(opts), .log = say_stderr };
	struct skep_object *object;
	struct port sender;
	struct skep *skep;

	if (skep_new(&skep, &opts) || load(skep, &object) ||
	    port_open(&sender, "send0", false, NULL))
		return 1;
	for (int i = 0; i < ROUNDS; i++) {
		rings[i] = time_rings(&sender);
		full[i] = time_bridge(skep, &sender, true, &paced_rate[i], &n);
		lost_paced += n;
		fast[i] = time_bridge(skep, &sender, false, &rate[i], &n);
		lost += n;
	}
	printf("%d packets of %d bytes a round, median of %d rounds\n", PACKETS, SIZE, ROUNDS);
	printf("  rings alone, a copy           %6.1f ns a packet\n", median(rings, ROUNDS));
	printf("  bridge with a counting program %5.1f ns a packet at %.2f Mpps, %llu of %d lost\n",
	       median(full, ROUNDS), median(paced_rate, ROUNDS) / 1e6,
	       (unsigned long long)lost_paced, ROUNDS * PACKETS);
	printf("  as fast as the sender goes     %5.1f ns a packet at %.2f Mpps, %llu lost\n",
	       median(fast, ROUNDS), median(rate, ROUNDS) / 1e6, (unsigned long long)lost);
	printf("  skep above the rings           %5.1f ns a packet\n",
	       median(full, ROUNDS) - median(rings, ROUNDS));
	port_close(&sender);
	skep_object_close(object);
	skep_free(skep);
	return 0;
}

int main(void)
{
	int err = make_lab();

	if (err) {
		printf("bridge: not here: no network namespaces of its own (%s)\n", strerror(-err));
		return 0;
	}
	return bench();
}
