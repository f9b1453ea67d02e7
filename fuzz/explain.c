/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Explanations of rejections, hostile: fuzz/explain [SECONDS] [SEED].
 *
 * Random source lines behind random line info, random notes of the verifier: no span may lie outside of
 * its line, no control character come out, JSON stay balanced, nothing be read out of bounds (run it
 * with SAN=address,undefined).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "def/reg.h"
#include "verify/explain.h"

enum { LINES = 16, LINE = 700, INSNS = 8 };

static u64 state = 0x9e3779b97f4a7c15ull;

static u32 rnd(u32 below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (u32)(state >> 11) % below;
}

struct out {
	char text[1 << 16];
	size_t len;
};

static void keep(void *arg, const char *text, size_t len)
{
	struct out *o = arg;

	if (o->len + len >= sizeof(o->text))
		return;
	memcpy(o->text + o->len, text, len);
	o->len += len;
	o->text[o->len] = 0;
}

/* C-like noise: what the span finder looks at. */
static void random_line(char *line)
{
	static const char *const bits[] = {
		"ctx",
		"->",
		".",
		"[",
		"]",
		"(",
		")",
		"i",
		"*",
		"&",
		"++",
		"--",
		" = ",
		";",
		",",
		" ",
		"\t",
		"return",
		"bpf_map_lookup_elem",
		"if",
		"{",
		"}",
		"/*",
		"\"",
		"\\",
		"\x1b[31m",
		"\xff",
		"é",
		"0x1f",
		"==",
		"\x7f",
	};

	line[0] = 0;
	for (u32 n = rnd(rnd(8) ? 24 : 120); n; n--)
		strncat(line, bits[rnd(ARRAY_SIZE(bits))], LINE - 1 - strlen(line));
}

static u32 put(u8 *bytes, u32 at, const void *from, u32 len)
{
	memcpy(bytes + at, from, len);
	return at + len;
}

/* BTF of one int whose strings are the lines; offs gets where they are. */
static struct btf *make_btf(u32 offs[LINES])
{
	static u8 bytes[LINES * LINE + 256];
	static const u32 type[] = { 1, BTF_KIND_INT << 24, 4, 32 };
	struct btf_header h = { .magic = BTF_MAGIC,
				.version = 1,
				.hdr_len = sizeof(h),
				.type_len = sizeof(type),
				.str_off = sizeof(type) };
	u32 at = sizeof(h) + sizeof(type), strings = at;
	struct btf *btf;

	at = put(bytes, at, "\0int", 5);
	for (u32 i = 0; i < LINES; i++) {
		char line[LINE];

		random_line(line);
		offs[i] = at - strings;
		at = put(bytes, at, line, strlen(line) + 1);
	}
	h.str_len = at - strings;
	put(bytes, 0, &h, sizeof(h));
	put(bytes, sizeof(h), type, sizeof(type));
	return btf_new(&btf, bytes, at, NULL, NULL) ? NULL : btf;
}

static void random_reason(struct verify_reason *r)
{
	static const char *const texts[] = { "scalar()", "map_value_or_null(id=1)", "",
					     "pkt(r=0)" };
	static const u32 types[] = { SCALAR_VALUE, PTR_TO_MAP_VALUE | PTR_MAYBE_NULL, PTR_TO_PACKET,
				     PTR_TO_STACK, ~0u };

	*r = (struct verify_reason){ .err = -EACCES,
				     .kind = rnd(REASON_UNSUPPORTED + 3),
				     .insn = rnd(INSNS + 2),
				     .regno = (s32)rnd(12) - 1,
				     .reg_type = types[rnd(5)],
				     .off = (s32)rnd(~0u),
				     .size = rnd(9),
				     .limit = rnd(64),
				     .smin = rnd(2) ? INT64_MIN : -5,
				     .smax = rnd(2) ? INT64_MAX : 7,
				     .umax = rnd(2) ? UINT64_MAX : 9 };
	if (r->insn >= INSNS)
		r->insn = ~0u;
	r->origin.insn = rnd(INSNS);
	r->origin.kind = (u8)rnd(12);
	strcpy(r->origin.what, rnd(2) ? "bpf_map_lookup_elem" : "");
	strcpy(r->reg_text, texts[rnd(4)]);
	strcpy(r->message, rnd(2) ? "invalid read from stack" : "R0 !read_ok");
}

static const char *wrong(const struct explanation *e, const struct out *text,
			 const struct out *json)
{
	int depth = 0;
	bool quoted = false;

	for (u32 i = 0; i < e->nr_spans; i++)
		if (!e->spans[i].len || e->spans[i].col - 1 > strlen(e->spans[i].text) ||
		    e->spans[i].col - 1 + e->spans[i].len > strlen(e->spans[i].text) + 1)
			return "a span outside of its line";
	for (size_t i = 0; i < text->len; i++)
		if (((u8)text->text[i] < 0x20 && !strchr("\t\n", text->text[i])) ||
		    text->text[i] == 0x7f)
			return "a control character in the text";
	for (size_t i = 0; i < json->len; i++) {
		char c = json->text[i];

		if ((u8)c < 0x20)
			return "a control character in JSON";
		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted)
			depth += (c == '{' || c == '[') - (c == '}' || c == ']');
	}
	return depth || quoted ? "JSON is not balanced" : NULL;
}

int main(int argc, char **argv)
{
	time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 30);
	static struct out text, json;
	u64 rounds = 0, spans = 0;

	if (argc > 2)
		state = strtoull(argv[2], NULL, 0);
	for (; time(NULL) < end; rounds++) {
		struct bpf_insn insns[INSNS] = { 0 };
		struct bpf_line_info info[INSNS];
		struct verify_env env = { .insns = insns,
					  .insn_count = INSNS,
					  .line_info = info,
					  .line_info_count = rnd(INSNS + 1),
					  .prog_type = rnd(34) };
		struct verify_reason reason;
		struct explanation e;
		u32 offs[LINES];
		u64 seed = state;
		struct btf *btf = make_btf(offs);
		const char *why;

		env.btf = rnd(8) ? btf : NULL;
		for (u32 i = 0; i < INSNS; i++) {
			insns[i].code = rnd(2) ? BPF_JMP | BPF_CALL : (u8)rnd(256);
			insns[i].imm = (s32)rnd(230);
			info[i] = (struct bpf_line_info){ i, rnd(20) ? offs[rnd(LINES)] : rnd(~0u),
							  rnd(20) ? offs[rnd(LINES)] : rnd(~0u),
							  rnd(4) ? rnd(60) << 10 | rnd(90)
								 : rnd(~0u) };
		}
		random_reason(&reason);
		text.len = json.len = 0;
		verify_explain(&e, &reason, &env, "program");
		explain_text(&e, false, &(struct log){ keep, &text });
		explain_json(&e, &(struct log){ keep, &json });
		spans += e.nr_spans;
		why = wrong(&e, &text, &json);
		btf_free(btf);
		if (why) {
			printf("%s; seed %#llx\n%s\n%s\n", why, (unsigned long long)seed, text.text,
			       json.text);
			return 1;
		}
	}
	printf("%llu rounds, %llu spans\n", (unsigned long long)rounds, (unsigned long long)spans);
	return 0;
}
