/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Capture files in pcap format, version 2.4: micro- or nanoseconds, either byte order, read and
 * written as they are, so that what is copied unchanged equals its source byte for byte.
 */
#ifndef EVENT_PCAP_H
#define EVENT_PCAP_H

#include <stdio.h>

#include "util/log.h"

enum {
	PCAP_HEADER = 24,	  /* bytes of the file's header */
	PCAP_LONGEST = 256 << 10, /* bytes captured of one packet, as tcpdump's largest */
	PCAP_ETHERNET = 1,	  /* LINKTYPE_ETHERNET */
};

struct pcap_reader {
	FILE *file;
	const char *name;
	u8 header[PCAP_HEADER];
	bool swapped; /* the other byte order than this machine's */
	u32 linktype;
	u64 packets, offset; /* read so far */
};

/* One record: header fields in our byte order. */
struct pcap_record {
	u32 seconds, fraction, captured, original;
};

/* name "-": standard input. 0, or -errno after words to log: -EINVAL for what is no pcap file. */
int pcap_open_read(struct pcap_reader *reader, const char *name, struct log *log);
/*
 * The next packet's bytes to data (room for PCAP_LONGEST): 1, 0 at the end, -EIO (cut short) or
 * -EINVAL after words to log.
 */
int pcap_read(struct pcap_reader *reader, struct pcap_record *record, u8 *data, struct log *log);
void pcap_close_read(struct pcap_reader *reader);

struct pcap_writer {
	FILE *file;
	const char *name;
	bool swapped;
};

/* A file (name "-": standard output) with the header of the one being read. */
int pcap_open_write(struct pcap_writer *writer, const char *name, const struct pcap_reader *like,
		    struct log *log);
/* 0 or -errno; without words. */
int pcap_write(struct pcap_writer *writer, const struct pcap_record *record, const u8 *data);
/* Also says what went wrong while writing. */
int pcap_close_write(struct pcap_writer *writer, struct log *log);

#endif
