// SPDX-License-Identifier: BSD-2-Clause
/*
 * What of BCC's dialect a header cannot do. The text is copied token by token and edited in passing:
 *
 *   - a top-level function that is not static gets a section, by its name: kprobe__X, kretprobe__X,
 *     tracepoint__C__E, raw_tracepoint__E, …; any other, f, goes to section fn/f and is attached by hand;
 *   - int f(struct pt_regs *ctx, T a, U b) becomes an inlined body and a program that binds a and b
 *     from the registers; of a system call's function, from the registers its argument points to;
 *   - calls of maps' methods and map macros are made plain C (edit.c);
 *   - headers of the kernel's are left out: their types come from BTF, where the source names one, their
 *     constants from bcc/kernel.h. Without such a type <uapi/X> and what else user space has are the system's;
 *   - a licence where there is none (BPF_LICENSE, or GPL as in BCC).
 *
 * Invariant: every token of the user's stays on its line, and in its column but for defaults and
 * what follows a bound function's end.
 */
#include "bcc/dialect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bcc/edit.h"
#include "bcc/header.h"
#include "bcc/packet.h"
#include "bcc/token.h"
#include "bcc/tracepoint.h"

enum { SOURCE_MAX = 16 << 20, PARAMS_MAX = 7 };

struct function {
	u32 head;	       /* first token of the definition */
	u32 name, open, close; /* tokens: the name and its parentheses */
	u32 body, end;	       /* tokens: { and } */
	struct span param[PARAMS_MAX];
	struct span param_name[PARAMS_MAX];
	u32 params;
	bool bound; /* has arguments to bind from registers */
};

static const struct {
	const char *prefix, *section;
} sections[] = {
	{ "kprobe__", "kprobe/" },
	{ "kretprobe__", "kretprobe/" },
	{ "raw_tracepoint__", "raw_tp/" },
	{ "kfunc__", "fentry/" },
	{ "kretfunc__", "fexit/" },
	{ "kmod_ret__", "fmod_ret/" },
	{ "lsm__", "lsm/" },
	{ "bpf_iter__", "iter/" },
};

static void put_path(FILE *out, const char *path)
{
	fputc('"', out);
	for (; *path; path++) {
		if (*path == '"' || *path == '\\')
			fputc('\\', out);
		fputc(*path == '\n' ? ' ' : *path, out);
	}
	fputc('"', out);
}

/* ---- finding functions ---- */

/* The parameters between the parentheses, split at commas outside brackets. */
static void split_params(const struct pass *p, struct function *f)
{
	u32 first = f->open + 1;

	f->params = 0;
	for (u32 i = first; i <= f->close && f->params < PARAMS_MAX; i++) {
		if (i < f->close && (token_is(&p->t, i, "(") || token_is(&p->t, i, "["))) {
			i = min(token_match(&p->t, i), f->close - 1);
			continue;
		}
		if (i < f->close && !token_is(&p->t, i, ","))
			continue;
		if (i > first) {
			f->param[f->params] = edit_span(p, first, i - 1);
			f->param_name[f->params++] = edit_span(p, i - 1, i - 1);
		}
		first = i + 1;
	}
}

static bool first_is_pt_regs(const struct pass *p, const struct function *f)
{
	for (u32 i = f->open + 1; i < f->close && !token_is(&p->t, i, ","); i++)
		if (token_is(&p->t, i, "pt_regs"))
			return true;
	return false;
}

static bool head_has(const struct pass *p, const struct function *f, const char *word)
{
	for (u32 i = f->head; i < f->name; i++)
		if (token_is(&p->t, i, word))
			return true;
	return false;
}

/* Whether the brace at body opens a function that wants a section; then *f is filled. */
static bool find_function(const struct pass *p, u32 head, u32 body, struct function *f)
{
	u32 open = body;

	if (body < head + 3 || !token_is(&p->t, body - 1, ")"))
		return false;
	for (u32 i = head; i < body; i++)
		if (token_is(&p->t, i, "(") && token_match(&p->t, i) == body - 1) {
			open = i;
			break;
		}
	if (open == body || open <= head + 1 || p->t.token[open - 1].kind != TOKEN_WORD)
		return false;
	*f = (struct function){ .head = head,
				.name = open - 1,
				.open = open,
				.close = body - 1,
				.body = body,
				.end = token_match(&p->t, body) };
	if (token_is(&p->t, f->name, "__attribute__") || head_has(p, f, "static") ||
	    head_has(p, f, "SEC") || head_has(p, f, "=") || head_has(p, f, "typedef"))
		return false;
	split_params(p, f);
	f->bound = f->params > 1 && first_is_pt_regs(p, f);
	return true;
}

/* ---- editing ---- */

static bool has_prefix(const struct pass *p, u32 token, const char *prefix)
{
	return p->t.token[token].len > strlen(prefix) &&
	       !memcmp(p->t.text + p->t.token[token].start, prefix, strlen(prefix));
}

/* How the kernel names a system call's function: kprobe__sys_X means it, as in BCC. */
#if defined(__x86_64__)
#define SYSCALL_FUNCTION "__x64_"
#elif defined(__aarch64__)
#define SYSCALL_FUNCTION "__arm64_"
#else
#define SYSCALL_FUNCTION ""
#endif

/* kfunc__vmlinux__FN is on the kernel's own FN: how long is "vmlinux__"? */
static int module_prefix(const char *rest, int len)
{
	static const char kernel[] = "vmlinux__";
	int skip = sizeof(kernel) - 1;

	return len > skip && !memcmp(rest, kernel, (size_t)skip) ? skip : 0;
}

static void put_section(struct pass *p, const struct function *f)
{
	struct span name = edit_span(p, f->name, f->name);
	const char *text = p->t.text + name.start, *parts;
	int len = (int)name.len;

	for (size_t i = 0; i < ARRAY_SIZE(sections); i++)
		if (has_prefix(p, f->name, sections[i].prefix)) {
			int skip = (int)strlen(sections[i].prefix);

			if (strstr(sections[i].prefix, "func__"))
				skip += module_prefix(text + skip, len - skip);
			fprintf(p->out, "SEC(\"%s%s%.*s\")", sections[i].section,
				strstr(sections[i].section, "probe/") && len > skip + 4 &&
						!memcmp(text + skip, "sys_", 4)
					? SYSCALL_FUNCTION
					: "",
				len - skip, text + skip);
			return;
		}
	parts = has_prefix(p, f->name, "tracepoint__") ? memmem(text + 12, name.len - 12, "__", 2)
						       : NULL;
	if (parts)
		fprintf(p->out, "SEC(\"tp/%.*s/%.*s\")", (int)(parts - text - 12), text + 12,
			len - (int)(parts + 2 - text), parts + 2);
	else
		fprintf(p->out, "SEC(\"fn/%.*s\")", len, text);
}

/* Goes to the head's line and column again after something was written before it. */
static void resume(struct pass *p, u32 head)
{
	u32 start = p->t.token[head].start, column = 0;

	while (start > column && p->t.text[start - column - 1] != '\n')
		column++;
	fprintf(p->out, "\n#line %u\n", p->t.token[head].line);
	for (u32 i = start - column; i < start; i++)
		fputc(p->t.text[i] == '\t' ? '\t' : ' ', p->out);
}

/* A function that is a system call's gets its arguments through the one that points to registers. */
static bool on_syscall(const struct pass *p, const struct function *f)
{
	return has_prefix(p, f->name, "syscall__") ||
	       has_prefix(p, f->name, "kprobe____x64_sys_") ||
	       has_prefix(p, f->name, "kprobe____arm64_sys_") ||
	       has_prefix(p, f->name, "kprobe__sys_");
}

/* The program around a bound function: reads the registers, then calls the inlined body. */
static void put_wrapper(struct pass *p, const struct function *f)
{
	struct span name = edit_span(p, f->name, f->name);
	bool syscall = on_syscall(p, f);

	fputc(' ', p->out);
	put_section(p, f);
	fprintf(p->out, " int %.*s(struct pt_regs *skep_ctx) { ", (int)name.len,
		p->t.text + name.start);
	if (syscall)
		fputs("struct pt_regs *skep_regs = PT_REGS_SYSCALL_REGS(skep_ctx); unsigned long skep_reg; ",
		      p->out);
	for (u32 i = 1; i < f->params; i++) {
		if (syscall)
			fprintf(p->out, "bpf_probe_read_kernel(&skep_reg, 8, &%s%u(skep_regs)); ",
				i == 4 ? "SKEP_SYSCALL_PARM" : "PT_REGS_PARM", i);
		edit_put(p, f->param[i]);
		fputs(" = (typeof(", p->out);
		edit_put(p, f->param_name[i]);
		if (syscall)
			fputs("))skep_reg; ", p->out);
		else
			fprintf(p->out, "))PT_REGS_PARM%u(skep_ctx); ", i);
	}
	fprintf(p->out, "%s%.*s_skep_bound(skep_ctx", head_has(p, f, "void") ? "" : "return ",
		(int)name.len, p->t.text + name.start);
	for (u32 i = 1; i < f->params; i++) {
		fputs(", ", p->out);
		edit_put(p, f->param_name[i]);
	}
	fputs(head_has(p, f, "void") ? "); return 0; }" : "); }", p->out);
}

/* Whether user space has <linux/NAME>, in the kernel's own words, and programs include it for these. */
static bool is_uapi(const struct tokens *t, u32 name)
{
	static const char *const names[] = {
		"bpf",	      "bpf_common", "bpf_perf_event",
		"errno",      "fcntl",	    "filter",
		"icmp",	      "icmpv6",	    "if_arp",
		"if_ether",   "if_packet",  "if_vlan",
		"in",	      "in6",	    "ip",
		"ipv6",	      "limits",	    "mman",
		"perf_event", "pkt_cls",    "ptrace",
		"socket",     "stat",	    "stddef",
		"tcp",	      "types",	    "udp",
		"version",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (token_is(t, name, names[i]) && token_is(t, name + 1, "."))
			return true;
	return false;
}

static bool is_kernel_folder(const struct tokens *t, u32 folder)
{
	static const char *const names[] = { "linux", "net",   "asm",	 "uapi", "bcc",
					     "rdma",  "trace", "crypto", "scsi" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (token_is(t, folder, names[i]) && token_is(t, folder + 1, "/"))
			return true;
	return false;
}

/*
 * #include <uapi/X> is <X>, the system's, where that does; what only a kernel tree has is left out, and everything
 * where its types stand in front.
 */
static void edit_include(struct pass *p, u32 hash)
{
	u32 folder = hash + 3, end = folder;

	if (!token_is(&p->t, hash, "#") || !p->t.token[hash].directive ||
	    !token_is(&p->t, hash + 1, "include") || !token_is(&p->t, hash + 2, "<") ||
	    !is_kernel_folder(&p->t, folder))
		return;
	if (!p->kernel && token_is(&p->t, folder, "uapi") && folder + 2 < p->t.count) {
		edit_copy(p, p->t.token[folder].start);
		p->copied = p->t.token[folder + 2].start;
		folder += 2;
	}
	if (!p->kernel && token_is(&p->t, folder, "linux") && is_uapi(&p->t, folder + 2))
		return;
	while (end + 1 < p->t.count && p->t.token[end + 1].line == p->t.token[hash].line)
		end++;
	edit_copy(p, p->t.token[hash].start);
	p->copied = p->t.token[end].start + p->t.token[end].len;
}

static void edit_tokens(struct pass *p, u32 first, u32 end)
{
	for (u32 i = first; i < end; i++) {
		edit_include(p, i);
		edit_methods(p, i);
		edit_packet(p, p->packets, i);
	}
}

static void edit_function(struct pass *p, const struct function *f)
{
	struct span name = edit_span(p, f->name, f->name);

	edit_copy(p, p->t.token[f->head].start);
	if (p->t.token[f->head].start && p->t.text[p->t.token[f->head].start - 1] != '\n')
		fputc('\n', p->out);
	if (f->bound)
		fputs("static __always_inline", p->out);
	else
		put_section(p, f);
	resume(p, f->head);
	if (f->bound) {
		edit_copy(p, name.start + name.len);
		fputs("_skep_bound", p->out);
	}
	edit_tokens(p, f->body, min(f->end + 1, p->t.count));
	if (f->bound && f->end < p->t.count) {
		edit_copy(p, p->t.token[f->end].start + 1);
		put_wrapper(p, f);
	}
}

/* The name of the function whose body opens at this brace, if any is there. */
static u32 function_name(const struct pass *p, u32 head, u32 body)
{
	for (u32 i = head; i + 1 < body; i++)
		if (token_is(&p->t, i + 1, "(") && token_match(&p->t, i + 1) == body - 1)
			return i;
	return head;
}

static void edit_all(struct pass *p)
{
	u32 head = 0;
	struct function f;

	for (u32 i = 0; i < p->t.count; i++) {
		if (p->t.token[i].directive) {
			edit_tokens(p, i, i + 1);
			head = head == i ? i + 1 : head;
			continue;
		}
		if (token_is(&p->t, i, ";")) {
			head = i + 1;
		} else if (token_is(&p->t, i, "{")) {
			u32 end = token_match(&p->t, i);

			p->function = function_name(p, head, i);
			if (find_function(p, head, i, &f))
				edit_function(p, &f);
			else
				edit_tokens(p, i, min(end, p->t.count));
			if (i > 0 && token_is(&p->t, i - 1, ")"))
				head = end + 1;
			i = end;
		} else {
			edit_tokens(p, i, i + 1);
		}
	}
	edit_copy(p, p->t.size);
}

/* ---- around the source ---- */

static void put_header(FILE *out, bool kernel, bool proto)
{
	static const char include[] = "#include \"helpers.h\"\n";
	const char *at = strstr(header_bcc, include), *rest;
	u32 line = 2;

	if (kernel)
		fputs("#define SKEP_KERNEL_TYPES\n", out);
	fputs("# 1 \"skep/bcc.h\" 1 3\n", out);
	if (!at) {
		fputs(header_bcc, out);
		return;
	}
	rest = at + strlen(include);
	for (const char *c = header_bcc; c < at; c++)
		line += *c == '\n';
	fwrite(header_bcc, 1, (size_t)(at - header_bcc), out);
	fputs("# 1 \"skep/helpers.h\" 1 3\n", out);
	fputs(header_helpers, out);
	fprintf(out, "# %u \"skep/bcc.h\" 2 3\n", line);
	fputs(rest, out);
	fputs("# 1 \"skep/maps.h\" 1 3\n", out);
	fputs(header_maps, out);
	fputs("# 1 \"skep/bcc.h\" 2 3\n", out);
	fputs("# 1 \"skep/kernel.h\" 1 3\n", out);
	fputs(header_kernel, out);
	fputs("# 1 \"skep/bcc.h\" 2 3\n", out);
	if (proto) {
		fputs("# 1 \"skep/proto.h\" 1 3\n", out);
		fputs(header_proto, out);
		fputs("# 1 \"skep/bcc.h\" 2 3\n", out);
	}
}

/* Whether tag, after struct, union or enum, is one that neither the source nor bcc.h makes. */
static bool is_kernel_tag(const struct pass *p, u32 tag)
{
	static const char *const known[] = {
		"pt_regs",
		"xdp_md",
		"__sk_buff",
		"bpf_raw_tracepoint_args",
		"xdp_action",
		"bpf_perf_event_data",
		"bpf_perf_event_value",
		"bpf_pidns_info",
		"ethhdr",
		"iphdr",
		"ipv6hdr",
		"tcphdr",
		"udphdr",
		"icmphdr",
		"in6_addr",
		"in_addr",
		"sockaddr",
		"sockaddr_in",
		"sockaddr_in6",
		"arphdr",
		"bpf_spin_lock",
		"bpf_timer",
	};
	const struct tokens *t = &p->t;
	const struct token *name = &t->token[tag];

	if (packets_has(p->packets, t, tag))
		return false;
	if (name->kind != TOKEN_WORD ||
	    (name->len > 12 && !memcmp(t->text + name->start, "tracepoint__", 12)))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (token_is(t, tag, known[i]))
			return false;
	for (u32 i = 1; i + 1 < t->count; i++)
		if (t->token[i].len == name->len && token_is(t, i + 1, "{") &&
		    !memcmp(t->text + t->token[i].start, t->text + name->start, name->len))
			return false;
	return true;
}

/* <linux/sched.h> and a few more are included for constants that stand in kernel.h. */
static bool is_light_header(const struct tokens *t, u32 folder)
{
	static const char *const names[] = { "sched", "fs", "kernel", "ptrace", "proto", "if" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (token_is(t, folder + 2, names[i]) && token_is(t, folder + 3, "."))
			return true;
	return is_uapi(t, folder + 2);
}

static bool names_kernel_type(const struct pass *p)
{
	const struct tokens *t = &p->t;

	for (u32 i = 0; i + 1 < t->count; i++) {
		if ((token_is(t, i, "struct") || token_is(t, i, "union") ||
		     token_is(t, i, "enum")) &&
		    is_kernel_tag(p, i + 1))
			return true;
		if (token_is(t, i, "BPF_ITER") && token_is(t, i + 1, "("))
			return true;
		if (token_is(t, i, "#") && token_is(t, i + 1, "include") &&
		    token_is(t, i + 2, "<") && is_kernel_folder(t, i + 3) &&
		    !token_is(t, i + 3, "uapi") && !is_light_header(t, i + 3))
			return true;
	}
	return false;
}

/* The tags that the source makes itself: a kernel's type of the same name steps aside. */
static void list_tags(const struct tokens *t, FILE *out)
{
	for (u32 i = 0; i + 2 < t->count; i++)
		if ((token_is(t, i, "struct") || token_is(t, i, "union") ||
		     token_is(t, i, "enum")) &&
		    t->token[i + 1].kind == TOKEN_WORD && token_is(t, i + 2, "{"))
			fprintf(out, "%.*s\n", (int)t->token[i + 1].len,
				t->text + t->token[i + 1].start);
}

/* The structs of the tracepoints that the source names: TRACEPOINT_PROBE(C, E) and struct tracepoint__C__E. */
static void put_tracepoints(FILE *out, const struct tokens *t)
{
	static const char prefix[] = "tracepoint__";
	const u32 skip = sizeof(prefix) - 1;

	for (u32 i = 0; i + 3 < t->count; i++) {
		const struct token *a = &t->token[i + 1], *b = &t->token[i + 2],
				   *event = &t->token[i + 4];
		const char *name = t->text + a->start, *parts;

		if (token_is(t, i, "TRACEPOINT_PROBE") && token_is(t, i + 1, "(") &&
		    i + 4 < t->count) {
			tracepoint_struct(out, t->text + b->start, b->len, t->text + event->start,
					  event->len);
		} else if (token_is(t, i, "struct") && a->len > skip &&
			   !memcmp(name, prefix, skip) && !token_is(t, i + 2, "{")) {
			parts = memmem(name + skip, a->len - skip, "__", 2);
			if (parts)
				tracepoint_struct(out, name + skip, (u32)(parts - name) - skip,
						  parts + 2, a->len - (u32)(parts + 2 - name));
		}
	}
}

static bool has_licence(const struct tokens *t)
{
	for (u32 i = 0; i < t->count; i++)
		if (token_is(t, i, "\"license\"") || token_is(t, i, "\"license\"\"\""))
			return true;
	return false;
}

static void put_licence(FILE *out)
{
	fputs("\n# 1 \"skep/bcc.h\" 1 3\n"
	      "#ifndef BPF_LICENSE\n"
	      "#define BPF_LICENSE GPL\n"
	      "#endif\n"
	      "#define SKEP_TEXT(...) #__VA_ARGS__\n"
	      "#define SKEP_EXPANDED(...) SKEP_TEXT(__VA_ARGS__)\n"
	      "char _license[] SEC(\"license\") = SKEP_EXPANDED(BPF_LICENSE);\n",
	      out);
}

/* LINUX_VERSION_CODE is the running kernel's. */
static void put_version(FILE *out)
{
	unsigned int major = 0, minor = 0, patch = 0;
	struct utsname name;

	if (!uname(&name) && sscanf(name.release, "%u.%u.%u", &major, &minor, &patch) >= 2)
		fprintf(out, "#define LINUX_VERSION_CODE %u\n",
			major << 16 | minor << 8 | min(patch, 255u));
}

/* Whether a word is used: as NAME(, and not made by the source itself, as #define NAME or T NAME( for a function. */
static bool is_called(const struct tokens *t, const char *name)
{
	bool called = false;

	for (u32 i = 1; i + 1 < t->count; i++) {
		if (!token_is(t, i, name) || !token_is(t, i + 1, "("))
			continue;
		if (t->token[i - 1].kind == TOKEN_WORD && !token_is(t, i - 1, "return"))
			return false;
		called = true;
	}
	return called;
}

/* What depends on the machine, or is a name that others use, too: where the source wants it. */
static void put_wanted(FILE *out, const struct tokens *t)
{
	bool version = false;

	for (u32 i = 0; i < t->count && !version; i++)
		version = token_is(t, i, "LINUX_VERSION_CODE");
	if (version)
		put_version(out);
	if (is_called(t, "bpf_num_cpus"))
		fprintf(out, "#define bpf_num_cpus() %ld\n", sysconf(_SC_NPROCESSORS_CONF));
	for (int i = 0; i < 2; i++)
		if (is_called(t, i ? "max" : "min"))
			fprintf(out,
				"#define %s(a, b) ({ __typeof__(a) skep_a = (a); __typeof__(b) skep_b = (b); "
				"skep_a %c skep_b ? skep_a : skep_b; })\n",
				i ? "max" : "min", i ? '>' : '<');
}

static int translate(struct pass *p, const char *path, struct bcc_source *out)
{
	FILE *tags;
	int err;

	p->kernel = names_kernel_type(p);
	p->out = open_memstream(&out->text, &out->len);
	if (!p->out)
		return -ENOMEM;
	put_wanted(p->out, &p->t);
	put_header(p->out, p->kernel, p->packets->count);
	put_tracepoints(p->out, &p->t);
	fputs("# 1 ", p->out);
	put_path(p->out, path);
	fputs(" 2\n", p->out);
	edit_all(p);
	if (!has_licence(&p->t))
		put_licence(p->out);
	err = ferror(p->out) ? -ENOMEM : 0;
	err = fclose(p->out) ? -ENOMEM : err;
	if (err || !p->kernel)
		return err;
	tags = open_memstream(&out->kernel, &(size_t){ 0 });
	if (!tags)
		return -ENOMEM;
	fputs("pt_regs\n", tags); /* bcc.h's */
	list_tags(&p->t, tags);
	return fclose(tags) ? -ENOMEM : 0;
}

int bcc_translate(const char *source, size_t len, const char *path, struct bcc_source *out)
{
	struct packets packets;
	struct pass p = { .packets = &packets };
	int err;

	*out = (struct bcc_source){ 0 };
	if (len > SOURCE_MAX)
		return -E2BIG;
	err = tokens_read(&p.t, source, (u32)len);
	if (err)
		return err;
	err = packets_read(&packets, &p.t);
	if (!err)
		err = translate(&p, path, out);
	packets_free(&packets);
	tokens_free(&p.t);
	if (err)
		bcc_source_free(out);
	return err;
}

void bcc_source_free(struct bcc_source *source)
{
	free(source->text);
	free(source->kernel);
	*source = (struct bcc_source){ 0 };
}

bool bcc_is_dialect(const char *source, size_t len)
{
	struct tokens t;
	bool libbpf = false;

	if (len > SOURCE_MAX || tokens_read(&t, source, (u32)len))
		return false;
	for (u32 i = 0; i < t.count && !libbpf; i++)
		libbpf = (token_is(&t, i, "SEC") && token_is(&t, i + 1, "(")) ||
			 (t.token[i].directive &&
			  (token_is(&t, i, "bpf_helpers") || token_is(&t, i, "vmlinux"))) ||
			 token_is(&t, i, "\"vmlinux.h\"") || token_is(&t, i, "section");
	tokens_free(&t);
	return !libbpf;
}
