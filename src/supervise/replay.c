/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * skep_pcap(): the packets of a capture file through the attached XDP programs. The program is
 * the only way from the input to the output, so its verdict holds; trace lines are written as
 * packets go by and never lost.
 */
#include "skep.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "def/uapi.h"
#include "event/event.h"
#include "event/pcap.h"
#include "supervise/out.h"

enum { FLUSH_EVERY = 32 }; /* packets between looks at the trace pipe */

struct replay {
	const struct skep_pcap_opts *opts;
	struct skep_pcap_result *result;
	struct event_list *source;
	struct log *log;
	struct pcap_reader in;
	struct pcap_writer out;
	struct out trace;
	u8 *mem;
	u32 ifindex;
};

static u64 *counter(struct skep_pcap_result *result, u32 verdict)
{
	switch (verdict) {
	case XDP_ABORTED: return &result->aborted;
	case XDP_DROP: return &result->dropped;
	case XDP_PASS: return &result->passed;
	case XDP_TX: return &result->tx;
	case XDP_REDIRECT: return &result->redirected;
	}
	return &result->invalid;
}

/*
 * The packet as it is now, with the original's time; what the program added or cut counts for
 * both lengths.
 */
static int pass(struct replay *replay, const struct pcap_record *record,
		const struct packet_frame *frame)
{
	struct pcap_record now = *record;

	now.captured = frame->len;
	now.original = max(record->original + frame->len - record->captured, frame->len);
	return pcap_write(&replay->out, &now, frame->mem + frame->start);
}

/* The struct may be an older, shorter one. */
static bool has_polls(const struct skep_pcap_opts *opts)
{
	return opts->sz >= offsetof(struct skep_pcap_opts, nr_polls) + sizeof(opts->nr_polls);
}

static int run_packet(struct replay *replay, const struct pcap_record *record)
{
	struct packet_frame frame = {
		.mem = replay->mem,
		.room = PACKET_HEADROOM + max(record->captured, (u32)PACKET_LINEAR),
		.len = record->captured,
	};
	u32 verdict;

	pthread_rwlock_rdlock(&replay->source->lock);
	verdict = packet_fire(replay->source, 0, replay->ifindex, &frame);
	pthread_rwlock_unlock(&replay->source->lock);

	replay->result->packets++;
	++*counter(replay->result, verdict);
	if (replay->result->packets % FLUSH_EVERY == 0)
		out_finish(&replay->trace);
	for (u32 i = 0; has_polls(replay->opts) && i < replay->opts->nr_polls; i++)
		replay->opts->polls[i].ready(replay->opts->polls[i].arg, replay->opts->polls[i].fd);
	return verdict == XDP_PASS && replay->out.file ? pass(replay, record, &frame) : 0;
}

static int run(struct replay *replay)
{
	struct pcap_record record;
	int more, err = 0;

	while ((more = pcap_read(&replay->in, &record, replay->mem + PACKET_HEADROOM,
				 replay->log)) > 0 &&
	       !err)
		err = run_packet(replay, &record);
	out_finish(&replay->trace);
	replay->result->lost = replay->trace.lost;
	replay->result->trace_errno = replay->trace.err;
	return err ? err : more;
}

static bool same_file(const char *a, const char *b)
{
	struct stat x, y;

	return strcmp(a, "-") && strcmp(b, "-") && stat(a, &x) == 0 && stat(b, &y) == 0 &&
	       x.st_dev == y.st_dev && x.st_ino == y.st_ino && S_ISREG(x.st_mode);
}

/* Opens what opts names. */
static int open_files(struct replay *replay)
{
	const struct skep_pcap_opts *opts = replay->opts;
	int err;

	if (opts->interface) {
		replay->ifindex = if_nametoindex(opts->interface);
		if (!replay->ifindex)
			return fail(replay->log, -ENODEV, "%s: no such interface", opts->interface);
	}
	if (opts->out && same_file(opts->in, opts->out))
		return fail(replay->log, -EINVAL, "%s: input and output are the same file",
			    opts->out);
	err = pcap_open_read(&replay->in, opts->in, replay->log);
	if (err)
		return err;
	if (replay->in.linktype != PCAP_ETHERNET)
		say(replay->log,
		    "%s: link type %u is not Ethernet; programs see its packets as they are\n",
		    opts->in, replay->in.linktype);
	return opts->out ? pcap_open_write(&replay->out, opts->out, &replay->in, replay->log) : 0;
}

int skep_pcap(struct skep *skep, const struct skep_pcap_opts *opts, struct skep_pcap_result *result)
{
	struct replay replay = { .opts = opts, .result = result, .log = skep_log(skep) };
	struct hive *hive = skep_hive(skep);
	int err, closed;

	replay.source = event_list(hive, &packet_kind);
	if (opts->sz < offsetof(struct skep_pcap_opts, polls) || !opts->in || !replay.source)
		return -EINVAL;
	*result = (struct skep_pcap_result){ .sz = sizeof(*result) };
	replay.mem = calloc(1, PACKET_HEADROOM + PCAP_LONGEST + PACKET_LINEAR);
	if (!replay.mem)
		return -ENOMEM;
	out_start(&replay.trace, hive, opts->trace_fd);
	err = open_files(&replay);
	if (!err)
		err = run(&replay);
	pcap_close_read(&replay.in);
	closed = pcap_close_write(&replay.out, replay.log);
	free(replay.mem);
	return err ? err : closed;
}
