// SPDX-License-Identifier: BSD-2-Clause
/*
 * BCC's dialect from random tokens and damaged programs: the pass over the tokens must end, stay in its
 * text and give text without a NUL byte of its own. fuzz/dialect [SECONDS [SEED]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bcc/dialect.h"

static const char *const words[] = {
	"int",
	"f",
	"(",
	")",
	"{",
	"}",
	"[",
	"]",
	",",
	";",
	".",
	"=",
	"struct",
	"pt_regs",
	"*",
	"ctx",
	"static",
	"#",
	"\n",
	"define",
	"include",
	"<",
	"uapi",
	"/",
	">",
	"\"hash\"",
	"'",
	"\"",
	"BPF_TABLE",
	"BPF_HASH",
	"increment",
	"perf_submit",
	"ringbuf_output",
	"TRACEPOINT_PROBE",
	"tracepoint__syscalls__sys_enter_openat",
	"kprobe__x",
	"syscall__y",
	"void",
	"//",
	"/*",
	"*/",
	"\\\n",
	" ",
	"\t",
	"0",
	"&",
	"SEC",
	"license",
	"__attribute__",
	"\xe3\x81\x82",
};
enum { WORDS = sizeof(words) / sizeof(*words), TEXT_MAX = 4096 };

static unsigned long long state;

static unsigned int pick(unsigned int below)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned int)(state >> 33) % below;
}

static size_t make(char *text)
{
	size_t len = 0;

	for (unsigned int n = pick(300); n; n--) {
		const char *word = words[pick(WORDS)];

		if (len + strlen(word) + 1 >= TEXT_MAX)
			break;
		memcpy(text + len, word, strlen(word));
		len += strlen(word);
		if (pick(3))
			text[len++] = ' ';
		if (!pick(200))
			text[len++] = (char)pick(256);
	}
	return len;
}

int main(int argc, char **argv)
{
	time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 30);
	char text[TEXT_MAX + 8], *exact;
	size_t tries = 0, len, dialects = 0;
	struct bcc_source out;

	state = argc > 2 ? strtoull(argv[2], NULL, 0) : (unsigned long long)time(NULL);
	printf("dialect: seed %llu\n", state);
	fflush(stdout);
	for (; time(NULL) < end; tries++) {
		len = make(text);
		exact = malloc(len + 1); /* so that a sanitizer sees a read beyond the text */
		memcpy(exact, text, len);
		exact = realloc(exact, len ? len : 1);
		dialects += (size_t)bcc_is_dialect(exact, len);
		if (!bcc_translate(exact, len, "fuzz.c", &out)) {
			if (out.len < len ||
			    (!memchr(exact, 0, len) && strlen(out.text) != out.len)) {
				fprintf(stderr, "dialect: lost text, try %zu\n", tries);
				return 1;
			}
			bcc_source_free(&out);
		}
		free(exact);
	}
	printf("dialect: %zu tries, %zu of them taken for the dialect\n", tries, dialects);
	return 0;
}
