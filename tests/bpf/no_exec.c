/* SPDX-License-Identifier: BSD-2-Clause */
/* Where no executable memory can be had, programs load and are interpreted; their info and, once, the log say so. */
#include "bpf/both.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "no_exec.h"

static char said[1024];
static size_t said_len;

static void keep(void *arg, const char *text, size_t len)
{
	(void)arg;
	if (said_len + len < sizeof(said)) {
		memcpy(said + said_len, text, len);
		said_len += len;
	}
}

static void run(struct ask *ask, int fd)
{
	struct bpf_prog_info info = { .type = 0 };
	unsigned char packet[64] = { 0 };
	union bpf_attr attr = { .test = { .prog_fd = (__u32)fd,
					  .data_in = PTR(packet),
					  .data_size_in = sizeof(packet) } };

	is(ask_bpf(ask, BPF_PROG_TEST_RUN, &attr, sizeof(attr)), 0, "it runs");
	is(attr.test.retval, 7, "as ever");
	attr = (union bpf_attr){
		.info = { .bpf_fd = (__u32)fd, .info_len = sizeof(info), .info = PTR(&info) }
	};
	is(ask_bpf(ask, BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr)), 0, "its info");
	is(info.jited_prog_len, 0, "no machine code");
	is(info.xlated_prog_len, 16, "but instructions");
}

int main(void)
{
	struct skep_opts opts = { .sz = sizeof(opts), .log = keep };
	static struct ask ask;
	int first, second;

#ifdef SKEP_ORACLE
	skip("an ORACLE build interprets always");
	return done();
#endif
#ifdef SKEP_ORACLE
	skip("this build interprets everything");
	return done();
#endif
	if (forbid_exec()) {
		skip("no seccomp filters here");
		return done();
	}
	is(skep_new(&ask.skep, &opts), 0, "skep");
	first = make_prog(&ask, BPF_PROG_TYPE_XDP, 7);
	second = make_prog(&ask, BPF_PROG_TYPE_XDP, 7);
	ok(first >= 0 && second >= 0, "programs are loaded");
	run(&ask, first);
	ok(strstr(said, "is interpreted: no memory for machine code"), "the log says it");
	ok(!strstr(strstr(said, "is interpreted") ? strstr(said, "is interpreted") + 1 : said,
		   "is interpreted"),
	   "once");
	close(first);
	close(second);
	skep_free(ask.skep);
	opts.engine = SKEP_JIT;
	is(skep_new(&ask.skep, &opts), 0, "skep with machine code only");
	is(make_prog(&ask, BPF_PROG_TYPE_XDP, 7), -ENOMEM, "loads nothing");
	skep_free(ask.skep);
	return done();
}
