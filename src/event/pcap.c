/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pcap format: a file header of magic, version, zone, accuracy, snapshot length and link
 * type, then records of seconds, fraction, captured and original length, and bytes. The magic
 * number tells the byte order and the unit of the fraction, which nothing here depends on.
 */
#include "event/pcap.h"

#include <errno.h>
#include <string.h>

#define MAGIC_MICRO 0xa1b2c3d4u
#define MAGIC_NANO  0xa1b23c4du
#define MAGIC_NG    0x0a0d0d0au /* pcapng's section header block, the same in both orders */

enum { BUFFER = 1 << 20 };

static u32 order(u32 value, bool swapped)
{
	return swapped ? __builtin_bswap32(value) : value;
}

static u32 header_word(const struct pcap_reader *reader, size_t at)
{
	u32 value;

	memcpy(&value, reader->header + at, sizeof(value));
	return order(value, reader->swapped);
}

static int no_pcap(struct pcap_reader *reader, size_t len, struct log *log)
{
	u32 magic = 0;

	memcpy(&magic, reader->header, min(len, sizeof(magic)));
	if (ferror(reader->file))
		return fail(log, -errno, "%s: %s", reader->name, strerror(errno));
	if (magic == MAGIC_NG)
		return fail(log, -EINVAL,
			    "%s: a pcapng file; make it pcap first: editcap -F pcap %s out.pcap",
			    reader->name, reader->name);
	if (!len)
		return fail(log, -EINVAL, "%s: empty, no pcap file", reader->name);
	return fail(log, -EINVAL, "%s: no pcap file", reader->name);
}

static int read_header(struct pcap_reader *reader, struct log *log)
{
	size_t len = fread(reader->header, 1, PCAP_HEADER, reader->file);
	u32 magic = header_word(reader, 0);

	reader->swapped =
		magic == __builtin_bswap32(MAGIC_MICRO) || magic == __builtin_bswap32(MAGIC_NANO);
	magic = header_word(reader, 0);
	if (len < sizeof(magic) || (magic != MAGIC_MICRO && magic != MAGIC_NANO))
		return no_pcap(reader, len, log);
	if (len < PCAP_HEADER)
		return fail(log, -EINVAL, "%s: cut short within the file header", reader->name);
	reader->linktype = header_word(reader, 20) & 0xffff;
	reader->offset = PCAP_HEADER;
	return 0;
}

int pcap_open_read(struct pcap_reader *reader, const char *name, struct log *log)
{
	int err;

	*reader = (struct pcap_reader){ .name = name };
	reader->file = strcmp(name, "-") ? fopen(name, "re") : stdin;
	if (!reader->file)
		return fail(log, -errno, "%s: %s", name, strerror(errno));
	setvbuf(reader->file, NULL, _IOFBF, BUFFER);
	err = read_header(reader, log);
	if (err)
		pcap_close_read(reader);
	return err;
}

static int cut_short(struct pcap_reader *reader, struct log *log)
{
	if (ferror(reader->file))
		return fail(log, -EIO, "%s: %s", reader->name, strerror(errno));
	return fail(log, -EIO, "%s: cut short within packet %llu, at byte %llu", reader->name,
		    (unsigned long long)reader->packets + 1, (unsigned long long)reader->offset);
}

int pcap_read(struct pcap_reader *reader, struct pcap_record *record, u8 *data, struct log *log)
{
	u32 words[4];
	size_t len = fread_unlocked(words, 1, sizeof(words), reader->file);

	if (!len && !ferror(reader->file))
		return 0;
	if (len < sizeof(words))
		return cut_short(reader, log);
	*record = (struct pcap_record){ .seconds = order(words[0], reader->swapped),
					.fraction = order(words[1], reader->swapped),
					.captured = order(words[2], reader->swapped),
					.original = order(words[3], reader->swapped) };
	if (record->captured > PCAP_LONGEST)
		return fail(log, -EINVAL,
			    "%s: packet %llu, at byte %llu, claims %u bytes: the file is damaged",
			    reader->name, (unsigned long long)reader->packets + 1,
			    (unsigned long long)reader->offset, record->captured);
	if (fread_unlocked(data, 1, record->captured, reader->file) < record->captured)
		return cut_short(reader, log);
	reader->packets++;
	reader->offset += sizeof(words) + record->captured;
	return 1;
}

void pcap_close_read(struct pcap_reader *reader)
{
	if (reader->file && reader->file != stdin)
		fclose(reader->file);
	reader->file = NULL;
}

int pcap_open_write(struct pcap_writer *writer, const char *name, const struct pcap_reader *like,
		    struct log *log)
{
	*writer = (struct pcap_writer){ .name = name, .swapped = like->swapped };
	writer->file = strcmp(name, "-") ? fopen(name, "we") : stdout;
	if (!writer->file)
		return fail(log, -errno, "%s: %s", name, strerror(errno));
	setvbuf(writer->file, NULL, _IOFBF, BUFFER);
	fwrite(like->header, 1, PCAP_HEADER, writer->file);
	return 0;
}

int pcap_write(struct pcap_writer *writer, const struct pcap_record *record, const u8 *data)
{
	const u32 words[4] = { order(record->seconds, writer->swapped),
			       order(record->fraction, writer->swapped),
			       order(record->captured, writer->swapped),
			       order(record->original, writer->swapped) };

	if (fwrite_unlocked(words, 1, sizeof(words), writer->file) < sizeof(words) ||
	    fwrite_unlocked(data, 1, record->captured, writer->file) < record->captured)
		return -errno;
	return 0;
}

int pcap_close_write(struct pcap_writer *writer, struct log *log)
{
	bool bad;

	if (!writer->file)
		return 0;
	bad = fflush(writer->file) || ferror(writer->file);
	if (bad)
		fail(log, 0, "%s: %s", writer->name, strerror(errno));
	if (writer->file != stdout && fclose(writer->file) && !bad)
		bad = true;
	writer->file = NULL;
	return bad ? -EIO : 0;
}
