/* SPDX-License-Identifier: BSD-2-Clause */
/* Capture files come out as they went in, and damaged ones are told apart. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "event/pcap.h"
#include "tap.h"

static char said[512];

static void keep(void *arg, const char *text, size_t len)
{
	size_t at = strlen(said);

	(void)arg;
	len = min(len, sizeof(said) - 1 - at);
	memcpy(said + at, text, len);
	said[at + len] = '\0';
	said[strcspn(said, "\n")] = '\0';
}

static struct log log_said = { keep, NULL };
static char in_name[] = "/tmp/skep-pcap-in-XXXXXX", out_name[] = "/tmp/skep-pcap-out-XXXXXX";
static u8 data[PCAP_LONGEST];

static void put(const void *bytes, size_t len)
{
	FILE *file = fopen(in_name, "w");

	fwrite(bytes, 1, len, file);
	fclose(file);
	said[0] = '\0';
}

/* Copies all records; what the last pcap_read() said. */
static int copy(void)
{
	struct pcap_reader in;
	struct pcap_writer out;
	struct pcap_record record;
	int got = pcap_open_read(&in, in_name, &log_said);

	if (got)
		return got;
	pcap_open_write(&out, out_name, &in, &log_said);
	while ((got = pcap_read(&in, &record, data, &log_said)) > 0)
		pcap_write(&out, &record, data);
	pcap_close_read(&in);
	pcap_close_write(&out, &log_said);
	return got;
}

static bool same(const void *bytes, size_t len)
{
	static u8 back[4096];
	FILE *file = fopen(out_name, "r");
	size_t got = fread(back, 1, sizeof(back), file);

	fclose(file);
	return got == len && !memcmp(back, bytes, len);
}

struct words {
	u32 w[6 + 4 + 2 + 4];
};

/* A header of odd values and two packets of 8 and 0 bytes. */
static struct words capture(u32 magic, bool swap)
{
	struct words words = { { magic, 4 << 16 | 2, 3600, 7, 65535, 0x10000001, 1700000000, 999999,
				 8, 60, 0x11223344, 0x55667788, 1700000001, 5, 0, 14 } };

	for (size_t i = 0; swap && i < ARRAY_SIZE(words.w); i++)
		if (i != 10 && i != 11)
			words.w[i] = __builtin_bswap32(words.w[i]);
	return words;
}

static void check_damage(struct words *words)
{
	put(words, sizeof(*words) - 20);
	is(copy(), -EIO, "a packet cut short is an error");
	ok(strstr(said, "cut short within packet 1, at byte 24"), "and the message says where: %s",
	   said);
	put(words, sizeof(*words) - 3);
	is(copy(), -EIO, "a record header cut short is an error");
	put(words, 10);
	is(copy(), -EINVAL, "a file header cut short is an error");
	put(words, 0);
	is(copy(), -EINVAL, "an empty file is an error");
	put("\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a\x01\0\0\0\0\0\0\0\0\0\0\0", 24);
	is(copy(), -EINVAL, "pcapng is refused");
	ok(strstr(said, "editcap"), "with what to do about it");
	put("hello, this is no capture file at all", 37);
	is(copy(), -EINVAL, "text is refused");
	words->w[8] = 0x7fffffff;
	put(words, sizeof(*words));
	is(copy(), -EINVAL, "an absurd length is refused");
	ok(strstr(said, "damaged"), "as damage: %s", said);
}

int main(void)
{
	static const u32 magics[] = { 0xa1b2c3d4, 0xa1b23c4d };
	struct words words;
	struct pcap_reader in;

	close(mkstemp(in_name));
	close(mkstemp(out_name));
	for (int i = 0; i < 4; i++) {
		words = capture(magics[i / 2], i % 2);
		put(&words, sizeof(words));
		is(copy(), 0, "a %s file, %s order, is read to its end",
		   i / 2 ? "nanosecond" : "microsecond", i % 2 ? "other" : "our");
		ok(same(&words, sizeof(words)), "and written as it was");
	}
	words = capture(magics[0], false);
	check_damage(&words);
	unlink(in_name);
	is(pcap_open_read(&in, in_name, &log_said), -ENOENT, "a missing file is -ENOENT");
	unlink(out_name);
	return done();
}
