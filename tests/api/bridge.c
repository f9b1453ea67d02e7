/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * XDP verdicts between two interfaces: what leaves where, byte for byte, through skep's bridge without
 * privilege and, where that is permitted, through the kernel's own XDP on the same interfaces with a
 * Linux bridge between them. In network namespaces of the test's own.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <arpa/inet.h>
#include <unistd.h>

#include "skep.h"
#include "tap.h"

enum { OUTER = 3, FRAME = 64, PATIENCE_MS = 10000, TEXT = 16384 };

/* left - a0, right - b0, third - c0: the program stands on the first two, the test on their peers */
static const char *const outer[OUTER] = { "a0", "b0", "c0" };
static int sockets[OUTER];

/* What byte 14 asks of the program (15: key, 16: u32 arg; behind a VLAN tag all 4 bytes later). */
enum ask { RETURN, REDIRECT, MAP, HASHED, GROW_HEAD, CUT_HEAD, TAIL, META, TELL };

static const char program[] =
	"#include <linux/bpf.h>\n"
	"#include <bpf/bpf_helpers.h>\n"
	"struct { __uint(type, BPF_MAP_TYPE_DEVMAP); __uint(max_entries, 4);\n"
	"	__type(key, __u32); __type(value, __u32); } ports SEC(\".maps\");\n"
	"struct { __uint(type, BPF_MAP_TYPE_DEVMAP_HASH); __uint(max_entries, 4);\n"
	"	__type(key, __u32); __type(value, __u32); } hashed SEC(\".maps\");\n"
	"SEC(\"xdp\") int pass(struct xdp_md *ctx) { return XDP_PASS; }\n"
	"SEC(\"xdp\") int judge(struct xdp_md *ctx)\n"
	"{\n"
	"	unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;\n"
	"	unsigned char header[14], *meta;\n"
	"	int vlan = 0;\n"
	"	__u32 key, ask, arg;\n"
	"	if (data + 40 > end)\n"
	"		return XDP_PASS;\n"
	"	if (data[12] == 0x81 && data[13] == 0)\n"
	"		vlan = 1, data += 4;\n"
	"	if (data[12] != 0x88 || data[13] != 0xb5)\n"
	"		return XDP_PASS;\n"
	"	if (data + 32 > end)\n"
	"		return XDP_PASS;\n"
	"	ask = data[14];\n"
	"	key = data[15];\n"
	"	arg = *(__u32 *)(data + 16);\n"
	"	switch (ask) {\n"
	"	case 0: return arg;\n"
	"	case 1: return bpf_redirect(arg, 0);\n"
	"	case 2: return bpf_redirect_map(&ports, key, arg);\n"
	"	case 3: return bpf_redirect_map(&hashed, key, arg);\n"
	"	case 4:\n"
	"	case 5:\n"
	"		__builtin_memcpy(header, data, 14);\n"
	"		if (bpf_xdp_adjust_head(ctx, ask == 4 ? -8 : 4))\n"
	"			return XDP_ABORTED;\n"
	"		data = (void *)(long)ctx->data;\n"
	"		if (data + 22 > (unsigned char *)(long)ctx->data_end)\n"
	"			return XDP_ABORTED;\n"
	"		__builtin_memset(data, 0xee, 22);\n"
	"		__builtin_memcpy(data, header, 14);\n"
	"		return arg;\n"
	"	case 6: return bpf_xdp_adjust_tail(ctx, (int)arg) ? XDP_ABORTED : XDP_PASS;\n"
	"	case 7:\n"
	"		if (bpf_xdp_adjust_meta(ctx, -8))\n"
	"			return XDP_ABORTED;\n"
	"		meta = (void *)(long)ctx->data_meta;\n"
	"		if (meta + 8 > (unsigned char *)(long)ctx->data)\n"
	"			return XDP_ABORTED;\n"
	"		*(__u64 *)meta = 42;\n"
	"		return arg;\n"
	"	default:\n"
	"		data[20] = vlan;\n"
	"		data[21] = ctx->ingress_ifindex == arg;\n"
	"		data[22] = ctx->rx_queue_index;\n"
	"		return XDP_PASS;\n"
	"	}\n"
	"}\n"
	"char LICENSE[] SEC(\"license\") = \"GPL\";\n";

static const struct {
	const char *name;
	int from; /* outer[] it is sent by */
	enum ask ask;
	unsigned char key;
	const char *interface; /* its number is the argument; NULL: arg is */
	unsigned int arg;
	int vlan;	  /* tag, 0: none */
	const char *want; /* where it arrives, and how long; no tag is counted */
} cases[] = {
	{ "PASS goes to the other side", 0, RETURN, 0, NULL, XDP_PASS, 0, "b0:64 " },
	{ "PASS goes back, too", 1, RETURN, 0, NULL, XDP_PASS, 0, "a0:64 " },
	{ "DROP goes nowhere", 0, RETURN, 0, NULL, XDP_DROP, 0, "" },
	{ "ABORTED goes nowhere", 0, RETURN, 0, NULL, XDP_ABORTED, 0, "" },
	{ "TX goes back where it came from", 0, RETURN, 0, NULL, XDP_TX, 0, "a0:64 " },
	{ "TX of the other side", 1, RETURN, 0, NULL, XDP_TX, 0, "b0:64 " },
	{ "REDIRECT without a target goes nowhere", 0, RETURN, 0, NULL, XDP_REDIRECT, 0, "" },
	{ "a verdict that is none goes nowhere", 0, RETURN, 0, NULL, 77, 0, "" },
	{ "bpf_redirect to the other side", 0, REDIRECT, 0, "right", 0, 0, "b0:64 " },
	{ "bpf_redirect to where it came from", 0, REDIRECT, 0, "left", 0, 0, "a0:64 " },
	{ "bpf_redirect to a third interface", 0, REDIRECT, 0, "third", 0, 0, "c0:64 " },
	{ "bpf_redirect to an interface that is not there", 0, REDIRECT, 0, NULL, 9999, 0, "" },
	{ "devmap: a third interface", 1, MAP, 0, NULL, 0, 0, "c0:64 " },
	{ "devmap: the other side", 0, MAP, 1, NULL, 0, 0, "b0:64 " },
	{ "devmap: an empty place is aborted", 0, MAP, 3, NULL, 0, 0, "" },
	{ "devmap: an empty place with XDP_PASS", 0, MAP, 3, NULL, XDP_PASS, 0, "b0:64 " },
	{ "devmap: outside with XDP_TX", 0, MAP, 200, NULL, XDP_TX, 0, "a0:64 " },
	{ "devmap: outside with XDP_DROP", 0, MAP, 200, NULL, XDP_DROP, 0, "" },
	{ "devmap: flags that are none", 0, MAP, 0, NULL, 1u << 20, 0, "" },
	{ "devmap: broadcast", 0, MAP, 0, NULL, BPF_F_BROADCAST, 0, "a0:64 b0:64 c0:64 " },
	{ "devmap: broadcast but where it came from", 0, MAP, 0, NULL,
	  BPF_F_BROADCAST | BPF_F_EXCLUDE_INGRESS, 0, "b0:64 c0:64 " },
	{ "devmap: exclusion without broadcast is none", 0, MAP, 2, NULL, BPF_F_EXCLUDE_INGRESS, 0,
	  "a0:64 " },
	{ "devmap_hash: a key that is there", 0, HASHED, 77, NULL, 0, 0, "c0:64 " },
	{ "devmap_hash: one that is not, with XDP_PASS", 1, HASHED, 78, NULL, XDP_PASS, 0,
	  "a0:64 " },
	{ "devmap_hash: broadcast but where it came from", 1, HASHED, 0, NULL,
	  BPF_F_BROADCAST | BPF_F_EXCLUDE_INGRESS, 0, "a0:64 c0:64 " },
	{ "a head moved out", 0, GROW_HEAD, 0, NULL, XDP_PASS, 0, "b0:72 " },
	{ "a head moved out, sent back", 0, GROW_HEAD, 0, NULL, XDP_TX, 0, "a0:72 " },
	{ "a head moved in", 0, CUT_HEAD, 0, NULL, XDP_PASS, 0, "b0:60 " },
	{ "a tail cut", 0, TAIL, 0, NULL, (unsigned int)-10, 0, "b0:54 " },
	{ "a tail grown", 0, TAIL, 0, NULL, 100, 0, "b0:164 " },
	{ "a tail grown too far", 0, TAIL, 0, NULL, 10000, 0, "" },
	{ "metadata stays behind", 0, META, 0, NULL, XDP_PASS, 0, "b0:64 " },
	{ "metadata stays behind, sent back", 0, META, 0, NULL, XDP_TX, 0, "a0:64 " },
	{ "the interface it came by, its queue", 0, TELL, 0, "left", 0, 0, "b0:64 " },
	{ "a VLAN tag is seen and kept", 0, TELL, 0, "left", 0, 5, "b0:64 " },
};
enum { CASES = sizeof(cases) / sizeof(cases[0]) };

/* How much room there is behind a packet depends on the driver. */
static int is_ours(int i)
{
	return cases[i].ask == TAIL && (int)cases[i].arg > 0;
}

/* ---- the lab ---- */

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd >= 0 && write(fd, text, strlen(text)) < 0)
		perror(path);
	close(fd);
}

/* Root's own network namespace, so that the kernel may be asked, too; else a user's. */
static int make_namespace(void)
{
	unsigned int uid = getuid(), gid = getgid();
	char map[64];

	if (!uid && !unshare(CLONE_NEWNET))
		return 0;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET))
		return -errno;
	write_text("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "0 %u 1", uid);
	write_text("/proc/self/uid_map", map);
	snprintf(map, sizeof(map), "0 %u 1", gid);
	write_text("/proc/self/gid_map", map);
	return 0;
}

static int ip(const char *commands)
{
	char text[1024];

	snprintf(text, sizeof(text), "PATH=$PATH:/usr/sbin:/sbin; exec 2>&1; %s", commands);
	fflush(stdout);
	return system(text);
}

static int make_pairs(void)
{
	return ip(
		"command -v ip >/dev/null || exit 1\n"
		"for p in left:a0 right:b0 third:c0; do "
		"ip link add ${p%:*} type veth peer name ${p#*:} || exit 1; done\n"
		"for i in left right third a0 b0 c0; do ip link set $i addrgenmode none; ip link set $i up || exit 1; done");
}

static int open_outer(const char *name)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(ETH_P_ALL),
				  .sll_ifindex = (int)if_nametoindex(name) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), one = 1;

	setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &one, sizeof(one));
	return bind(fd, (struct sockaddr *)&at, sizeof(at)) ? -1 : fd;
}

/* ---- frames ---- */

static void send_frame(int from, enum ask ask, unsigned char key, unsigned int arg, int vlan)
{
	unsigned char frame[FRAME + 4] = { 2, 0, 0, 0, 0, (unsigned char)(2 - from),
					   2, 0, 0, 0, 0, (unsigned char)(1 + from) };
	size_t at = 12, len = FRAME;

	if (vlan) {
		memcpy(frame + at, (unsigned char[]){ 0x81, 0, 0, (unsigned char)vlan }, 4);
		at += 4, len += 4;
	}
	memcpy(frame + at, (unsigned char[]){ 0x88, 0xb5, (unsigned char)ask, key }, 4);
	memcpy(frame + at + 4, &arg, 4);
	for (size_t i = at + 8; i < len; i++)
		frame[i] = (unsigned char)i;
	if (send(sockets[from], frame, len, 0) < 0)
		printf("# %s: cannot send: %s\n", outer[from], strerror(errno));
}

/* The next frame of our kind that arrives at a socket: its length, 0 after timeout ms. *tag: of its VLAN. */
static ssize_t receive(int fd, unsigned char *frame, size_t size, int *tag, int timeout)
{
	char control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	struct sockaddr_ll from;
	struct iovec iov = { frame, size };
	struct pollfd ready = { .fd = fd, .events = POLLIN };

	while (poll(&ready, 1, timeout) == 1) {
		struct msghdr msg = { .msg_name = &from,
				      .msg_namelen = sizeof(from),
				      .msg_iov = &iov,
				      .msg_iovlen = 1,
				      .msg_control = control,
				      .msg_controllen = sizeof(control) };
		ssize_t len = recvmsg(fd, &msg, 0);
		const struct tpacket_auxdata *aux =
			(void *)CMSG_DATA((struct cmsghdr *)(void *)control);

		if (len < 14 || from.sll_pkttype == PACKET_OUTGOING || frame[12] != 0x88 ||
		    frame[13] != 0xb5)
			continue;
		*tag = msg.msg_controllen && aux->tp_status & TP_STATUS_VLAN_VALID
			       ? aux->tp_vlan_tci
			       : 0;
		return len;
	}
	return 0;
}

static const unsigned char marker_key = 0xfe;

/* A frame that passes, from a0, and everything that arrives at b0 before it. */
static void send_marker(void)
{
	send_frame(0, RETURN, marker_key, XDP_PASS, 0);
}

struct arrivals {
	char where[256]; /* "b0:64 " each */
	char what[TEXT]; /* with all bytes */
};

static void note(struct arrivals *seen, int i, const unsigned char *frame, ssize_t len, int tag)
{
	size_t where = strlen(seen->where), what = strlen(seen->what);

	snprintf(seen->where + where, sizeof(seen->where) - where, "%s:%zd ", outer[i], len);
	what += (size_t)snprintf(seen->what + what, sizeof(seen->what) - what,
				 "%s %zd bytes, tag %d: ", outer[i], len, tag);
	for (ssize_t b = 0; b < len && what + 4 < sizeof(seen->what); b++)
		what += (size_t)snprintf(seen->what + what, sizeof(seen->what) - what, "%02x",
					 frame[b]);
	snprintf(seen->what + what, sizeof(seen->what) - what, "\n");
}

/* Everything a case leads to: what is wanted is waited for, and what two markers pushed out comes, too. */
static void collect(struct arrivals *seen, const char *want)
{
	unsigned char frame[4096];
	int tag;

	memset(seen, 0, sizeof(*seen));
	for (int i = 0; i < OUTER; i++)
		if (strstr(want, outer[i])) {
			ssize_t len = receive(sockets[i], frame, sizeof(frame), &tag, PATIENCE_MS);

			if (len)
				note(seen, i, frame, len, tag);
		}
	for (int round = 0; round < 2; round++) {
		ssize_t len;

		send_marker();
		while ((len = receive(sockets[1], frame, sizeof(frame), &tag, PATIENCE_MS)) &&
		       frame[15] != marker_key)
			note(seen, 1, frame, len, tag);
	}
	for (int i = 0; i < OUTER; i++) {
		ssize_t len;

		while ((len = receive(sockets[i], frame, sizeof(frame), &tag, 0)))
			note(seen, i, frame, len, tag);
	}
}

static void run_cases(struct arrivals *seen, int but_ours)
{
	for (int i = 0; i < CASES; i++) {
		if (but_ours && is_ours(i))
			continue;
		send_frame(cases[i].from, cases[i].ask, cases[i].key,
			   cases[i].interface ? if_nametoindex(cases[i].interface) : cases[i].arg,
			   cases[i].vlan);
		collect(&seen[i], cases[i].want);
	}
}

/* ---- who answers ---- */

static void say_stderr(void *arg, const char *text, size_t len)
{
	(void)arg;
	fwrite(text, 1, len, stderr);
}

static int bpf(struct skep *skep, int cmd, union bpf_attr *attr)
{
	if (skep)
		return skep_bpf(skep, cmd, attr, sizeof(*attr));
	return (int)syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

static int put_device(struct skep *skep, int map, unsigned int key, const char *name)
{
	unsigned int ifindex = if_nametoindex(name);
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (unsigned int)map;
	attr.key = (unsigned long)&key;
	attr.value = (unsigned long)&ifindex;
	return bpf(skep, BPF_MAP_UPDATE_ELEM, &attr);
}

static int load(struct skep_object **object, struct skep *skep, const void *bytes, size_t size)
{
	struct skep_object_opts opts = { .sz = sizeof(opts),
					 .log = say_stderr,
					 .interfaces = skep ? "left,right" : NULL };
	const char *targets[] = { "judge=xdp:left,right",
				  skep ? "pass=none" : "pass=xdp:a0,b0,c0,third" };
	int err = skep_object_open(object, skep, bytes, size, &opts), ports, hashed;

	if (!err)
		err = skep_object_load(*object, targets, 2);
	if (err)
		return err;
	ports = skep_object_map_fd(*object, "ports");
	hashed = skep_object_map_fd(*object, "hashed");
	if (put_device(skep, ports, 0, "third") || put_device(skep, ports, 1, "right") ||
	    put_device(skep, ports, 2, "left") || put_device(skep, hashed, 77, "third") ||
	    put_device(skep, hashed, 3, "right") || put_device(skep, hashed, 9, "left"))
		return -EINVAL;
	err = skep_object_attach(*object);
	return err < 0 ? err : 0;
}

struct outcome {
	int err;
	struct arrivals seen[CASES];
	struct skep_bridge_result counts;
};

static void ask_skep(struct outcome *o, const void *bytes, size_t size)
{
	struct skep_bridge_opts opts = {
		.sz = sizeof(opts), .a = "left", .b = "right", .trace_fd = -1
	};
	struct skep_opts how = { .sz = sizeof(how), .log = say_stderr };
	struct skep_object *object = NULL;
	struct skep_bridge *bridge;
	struct skep *skep;

	o->err = skep_new(&skep, &how);
	if (!o->err)
		o->err = load(&object, skep, bytes, size);
	if (!o->err)
		o->err = skep_bridge_open(&bridge, skep, &opts);
	if (!o->err)
		o->err = skep_bridge_start(bridge);
	if (o->err)
		return;
	run_cases(o->seen, 0);
	o->err = skep_bridge_stop(bridge, &o->counts);
	skep_object_close(object);
	skep_free(skep);
}

static void ask_kernel(struct outcome *o, const void *bytes, size_t size)
{
	struct skep_object *object = NULL;

	o->err = load(&object, NULL, bytes, size);
	if (!o->err &&
	    ip("ip link add br0 type bridge && ip link set br0 addrgenmode none && "
	       "ip link set left master br0 && ip link set right master br0 && ip link set br0 up"))
		o->err = -EOPNOTSUPP;
	if (!o->err)
		run_cases(o->seen, 1);
	ip("ip link del br0 2>/dev/null");
	skep_object_close(object);
}

/* One process loads through one answer: each gets its own. */
static void in_child(struct outcome *o, void (*ask)(struct outcome *, const void *, size_t),
		     const void *bytes, size_t size)
{
	int to_us[2], status;
	size_t got = 0;
	ssize_t n;

	o->err = -ECHILD;
	if (pipe(to_us))
		return;
	fflush(stdout);
	if (!fork()) {
		ask(o, bytes, size);
		for (size_t done = 0; done < sizeof(*o) && (n = write(to_us[1], (char *)o + done,
								      sizeof(*o) - done)) > 0;)
			done += (size_t)n;
		_exit(0);
	}
	close(to_us[1]);
	while (got < sizeof(*o) && (n = read(to_us[0], (char *)o + got, sizeof(*o) - got)) > 0)
		got += (size_t)n;
	close(to_us[0]);
	wait(&status);
	if (got < sizeof(*o) || status)
		o->err = -ECHILD;
}

static int compile(void **bytes, size_t *size)
{
	struct skep_compile_opts opts = { .sz = sizeof(opts), .log = say_stderr };
	char path[256];
	int fd, err;

	snprintf(path, sizeof(path), "%s/skep-bridge-XXXXXX.bpf.c", getenv("TMPDIR") ?: "/tmp");
	fd = mkstemps(path, 6);
	if (fd < 0 || write(fd, program, sizeof(program) - 1) < 0)
		return -errno;
	close(fd);
	err = skep_compile(path, &opts, bytes, size);
	unlink(path);
	return err;
}

static void check_skep(const struct outcome *o)
{
	const struct skep_bridge_side *a = &o->counts.side[0];

	for (int i = 0; i < CASES; i++)
		if (!ok(!strcmp(o->seen[i].where, cases[i].want), "%s", cases[i].name))
			printf("# arrived at '%s', want '%s'\n", o->seen[i].where, cases[i].want);
	is(a->packets,
	   a->passed + a->dropped + a->aborted + a->tx + a->redirected + a->invalid +
		   a->unreachable,
	   "every packet is counted once");
	is(a->aborted, 4, "ABORTED is counted");
	is(a->invalid, 1, "a verdict that is none is counted");
	is(a->unreachable, 2, "redirects to nowhere are counted");
	is(a->lost + a->unsent + a->too_long + o->counts.side[1].unsent +
		   o->counts.unsent_elsewhere,
	   0, "nothing is lost");
}

static void check_same(const struct outcome *skep, const struct outcome *kernel)
{
	for (int i = 0; i < CASES; i++)
		if (!is_ours(i) && !ok(!strcmp(skep->seen[i].what, kernel->seen[i].what),
				       "as in the kernel: %s", cases[i].name))
			printf("# skep:   %s\n# kernel: %s\n", skep->seen[i].what,
			       kernel->seen[i].what);
}

static int skip_all(const char *why)
{
	printf("1..0 # SKIP %s\n", why);
	return 0;
}

int main(void)
{
	static struct outcome skep, kernel;
	int root = !getuid();
	void *bytes;
	size_t size;
	int err = compile(&bytes, &size);

	if (err)
		return skip_all("no clang");
	if (make_namespace())
		return skip_all("no network namespace of its own");
	if (make_pairs())
		return skip_all("no veth pairs: no ip, or the kernel has none");
	for (int i = 0; i < OUTER; i++)
		sockets[i] = open_outer(outer[i]);
	in_child(&skep, ask_skep, bytes, size);
	if (!is(skep.err, 0, "the bridge runs"))
		return done();
	check_skep(&skep);
	if (root)
		in_child(&kernel, ask_kernel, bytes, size);
	if (!root || kernel.err)
		skip("the kernel's XDP may not be asked here");
	else
		check_same(&skep, &kernel);
	free(bytes);
	return done();
}
