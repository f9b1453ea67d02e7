// SPDX-License-Identifier: BSD-2-Clause
/*
 * BCC reads `ip->nextp`, where ip is an offset of a struct that is marked BPF_PACKET_HEADER, from the packet. Which pointers
 * are such is read off their declarations in the same function, `struct ip_t *ip`; the packet is the function's first
 * argument.
 *
 *   ip->nextp          skep_packet_get(skb, (u64)ip + 9, 0, 8)
 *   ip->ttl = n        skep_packet_put(skb, (u64)ip + 8, 0, 8, n)
 *   &ip->hchecksum     ((void *)((u64)ip + 10))
 */
#include "bcc/packet.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bcc/header.h"

/* ---- layouts ---- */

static u32 type_bits(const struct tokens *t, u32 first, u32 end)
{
	static const struct {
		const char *word;
		u32 bits;
	} types[] = {
		{ "char", 8 },	    { "short", 16 },	{ "long", 64 },	    { "u8", 8 },
		{ "u16", 16 },	    { "u32", 32 },	{ "u64", 64 },	    { "__u8", 8 },
		{ "__u16", 16 },    { "__u32", 32 },	{ "__u64", 64 },    { "uint8_t", 8 },
		{ "uint16_t", 16 }, { "uint32_t", 32 }, { "uint64_t", 64 }, { "__be16", 16 },
		{ "__be32", 32 },   { "__be64", 64 },	{ "s8", 8 },	    { "s16", 16 },
		{ "s32", 32 },	    { "s64", 64 },	{ "int8_t", 8 },    { "int16_t", 16 },
		{ "int32_t", 32 },  { "int64_t", 64 },	{ "int", 32 },	    { "unsigned", 32 },
	};

	for (size_t n = 0; n < ARRAY_SIZE(types); n++)
		for (u32 i = first; i < end; i++)
			if (token_is(t, i, types[n].word))
				return types[n].bits;
	return 0;
}

static u32 number_at(const struct tokens *t, u32 i)
{
	char text[16] = "";

	if (i < t->count && t->token[i].len < sizeof(text))
		memcpy(text, t->text + t->token[i].start, t->token[i].len);
	return (u32)strtoul(text, NULL, 0);
}

static int add_field(struct packets *p, const struct tokens *t, u32 tag, u32 name, u32 bit,
		     u32 bits)
{
	struct packet_field *grown = reallocarray(p->field, p->count + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	p->field = grown;
	grown[p->count++] = (struct packet_field){
		.of = { t->token[tag].start, t->token[tag].len },
		.name = { t->token[name].start, t->token[name].len },
		.text = t->text,
		.bit = bit,
		.bits = bits,
	};
	return 0;
}

/* One declaration, "u16 a : 3, b : 13" or "u8 pad[6]", between first and its semicolon. */
static int read_declaration(struct packets *p, const struct tokens *t, u32 tag, u32 first, u32 end,
			    u32 *bit)
{
	u32 name = first, bits, size;
	int err = 0;

	while (name < end && !token_is(t, name + 1, ":") && !token_is(t, name + 1, ",") &&
	       !token_is(t, name + 1, "[") && name + 1 < end)
		name++;
	size = type_bits(t, first, name);
	for (; name < end && size && !err; name++) {
		bits = size;
		err = add_field(p, t, tag, name, *bit,
				token_is(t, name + 1, ":") ? number_at(t, name + 2) : size);
		if (token_is(t, name + 1, ":"))
			bits = number_at(t, name + 2);
		else if (token_is(t, name + 1, "["))
			bits = size * number_at(t, name + 2);
		*bit += bits;
		while (name < end && !token_is(t, name, ","))
			name++;
	}
	return err;
}

static int read_struct(struct packets *p, const struct tokens *t, u32 tag, u32 close)
{
	u32 bit = 0, first = tag + 2;
	int err = 0;

	for (u32 i = first; i < close && !err; i++)
		if (token_is(t, i, ";")) {
			err = read_declaration(p, t, tag, first, i, &bit);
			first = i + 1;
		}
	return err;
}

static int read_structs(struct packets *p, const struct tokens *t)
{
	int err = 0;

	for (u32 i = 0; i + 3 < t->count && !err; i++) {
		u32 close;

		if (!token_is(t, i, "struct") || !token_is(t, i + 2, "{"))
			continue;
		close = token_match(t, i + 2);
		if (token_is(t, close + 1, "BPF_PACKET_HEADER"))
			err = read_struct(p, t, i + 1, close);
	}
	return err;
}

static bool includes_proto(const struct tokens *t)
{
	for (u32 i = 0; i + 4 < t->count; i++)
		if (t->token[i].directive && token_is(t, i, "bcc") && token_is(t, i + 1, "/") &&
		    token_is(t, i + 2, "proto"))
			return true;
	return false;
}

int packets_read(struct packets *packets, const struct tokens *source)
{
	int err;

	*packets = (struct packets){ .count = 0 };
	if (!includes_proto(source))
		return 0;
	err = tokens_read(&packets->header, header_proto, (u32)strlen(header_proto));
	if (!err)
		err = read_structs(packets, &packets->header);
	return err ? err : read_structs(packets, source);
}

void packets_free(struct packets *packets)
{
	tokens_free(&packets->header);
	free(packets->field);
}

static bool is_text(const struct tokens *t, u32 i, const struct packet_field *f, struct span s)
{
	return i < t->count && t->token[i].len == s.len &&
	       !memcmp(t->text + t->token[i].start, f->text + s.start, s.len);
}

bool packets_has(const struct packets *packets, const struct tokens *t, u32 tag)
{
	for (u32 n = 0; n < packets->count; n++)
		if (is_text(t, tag, &packets->field[n], packets->field[n].of))
			return true;
	return false;
}

/* ---- uses ---- */

static bool same(const struct tokens *t, u32 a, u32 b)
{
	return t->token[a].len == t->token[b].len &&
	       !memcmp(t->text + t->token[a].start, t->text + t->token[b].start, t->token[a].len);
}

/* The tag of the struct that the pointer at token i was last declared as, since its function's name; 0: none. */
static u32 declared_as(const struct pass *p, const struct packets *packets, u32 i)
{
	for (u32 at = i - 1; at > p->function; at--)
		if (token_is(&p->t, at - 1, "*") && same(&p->t, at, i) && at >= 3 &&
		    token_is(&p->t, at - 3, "struct"))
			return packets_has(packets, &p->t, at - 2) ? at - 2 : 0;
	return 0;
}

static const struct packet_field *field_of(const struct pass *p, const struct packets *packets,
					   u32 i)
{
	u32 tag = declared_as(p, packets, i);

	for (u32 n = 0; tag && n < packets->count; n++)
		if (is_text(&p->t, tag, &packets->field[n], packets->field[n].of) &&
		    is_text(&p->t, i + 3, &packets->field[n], packets->field[n].name))
			return &packets->field[n];
	return NULL;
}

/* The name of the function's first argument. */
static struct span first_argument(const struct pass *p)
{
	u32 open = p->function + 1, end;

	if (!token_is(&p->t, open, "("))
		return edit_span(p, p->function, p->function);
	end = edit_argument(p, open + 1, token_match(&p->t, open));
	return edit_span(p, end - 1, end - 1);
}

static bool is_assigned(const struct pass *p, u32 after)
{
	return token_is(&p->t, after, "=") && !token_is(&p->t, after + 1, "=");
}

/* Where an assigned value ends: a semicolon, comma or closing parenthesis outside of others. */
static u32 value_end(const struct pass *p, u32 first)
{
	for (u32 i = first; i < p->t.count; i++) {
		if (token_is(&p->t, i, ";") || token_is(&p->t, i, ",") || token_is(&p->t, i, ")"))
			return i;
		if (token_is(&p->t, i, "(") || token_is(&p->t, i, "[") || token_is(&p->t, i, "{"))
			i = token_match(&p->t, i);
	}
	return p->t.count;
}

static void put_field(struct pass *p, u32 i, const struct packet_field *f)
{
	u32 first = i, after = i + 4, end = value_end(p, after + 1);
	struct span skb = first_argument(p), name = edit_span(p, i, i);
	bool address = i && token_is(&p->t, i - 1, "&") &&
		       !(i > 1 && (token_is(&p->t, i - 2, "&") || token_is(&p->t, i - 2, ")") ||
				   p->t.token[i - 2].kind == TOKEN_WORD)),
	     put = !address && is_assigned(p, after) && end < p->t.count && edit_later(p, end, ")");

	edit_copy(p, p->t.token[address ? first - 1 : first].start);
	if (address)
		fprintf(p->out, "((void *)((u64)%.*s + %u))", (int)name.len, p->t.text + name.start,
			f->bit / 8);
	else
		fprintf(p->out, "skep_packet_%s(%.*s, (u64)%.*s + %u, %u, %u%s",
			put ? "put" : "get", (int)skb.len, p->t.text + skb.start, (int)name.len,
			p->t.text + name.start, f->bit / 8, f->bit % 8, f->bits, put ? ", " : ")");
	p->copied =
		put ? p->t.token[after].start + 1 : p->t.token[i + 3].start + p->t.token[i + 3].len;
}

static void edit_checksum(struct pass *p, u32 i)
{
	bool l3 = token_is(&p->t, i, "incr_cksum_l3");
	struct span skb;

	if (!(l3 || token_is(&p->t, i, "incr_cksum_l4")) || !token_is(&p->t, i + 1, "("))
		return;
	skb = first_argument(p);
	edit_copy(p, p->t.token[i].start);
	fprintf(p->out, "SKEP_CKSUM_L%c(%.*s, ", l3 ? '3' : '4', (int)skb.len,
		p->t.text + skb.start);
	p->copied = p->t.token[i + 1].start + 1;
}

void edit_packet(struct pass *p, const struct packets *packets, u32 i)
{
	const struct packet_field *f;

	if (!packets->count || p->t.token[i].directive)
		return;
	edit_checksum(p, i);
	if (p->t.token[i].kind != TOKEN_WORD || !token_is(&p->t, i + 1, "-") ||
	    !token_is(&p->t, i + 2, ">") || p->t.token[i].start < p->copied)
		return;
	f = field_of(p, packets, i);
	if (f)
		put_field(p, i, f);
}
