// SPDX-License-Identifier: BSD-2-Clause
/* The token-level pass of BCC's dialect: what it adds, and that lines and columns stay. */
#include <string.h>

#include "bcc/dialect.h"
#include "tap.h"

/* The translated source without our header in front and the licence after it. */
static char *translate(const char *source)
{
	struct bcc_source out;
	char *at, *end;

	if (bcc_translate(source, strlen(source), "f.c", &out))
		return NULL;
	at = strstr(out.text, "# 1 \"f.c\" 2\n");
	if (!at)
		return out.text;
	at = strdup(at + strlen("# 1 \"f.c\" 2\n"));
	end = strstr(at, "\n# 1 \"skep/bcc.h\" 1 3\n");
	if (end)
		*end = 0;
	bcc_source_free(&out);
	return at;
}

static void check(const char *source, const char *want, const char *what)
{
	char *got = translate(source);

	if (!ok(got && !strcmp(got, want), "%s", what))
		printf("# got:  %s\n# want: %s\n", got ? got : "(nothing)", want);
	free(got);
}

static void sections(void)
{
	check("int hello(void *ctx) { return 0; }",
	      "SEC(\"fn/hello\")\n#line 1\nint hello(void *ctx) { return 0; }", "a plain function");
	check("int kprobe__vfs_read(void *ctx) {}",
	      "SEC(\"kprobe/vfs_read\")\n#line 1\nint kprobe__vfs_read(void *ctx) {}", "kprobe__X");
	check("int tracepoint__raw_syscalls__sys_enter(void *c) {}",
	      "SEC(\"tp/raw_syscalls/sys_enter\")\n#line 1\nint tracepoint__raw_syscalls__sys_enter(void *c) {}",
	      "tracepoint__C__E");
	check("\n  int\nf(void *ctx)\n{\n}\n",
	      "\n  \nSEC(\"fn/f\")\n#line 2\n  int\nf(void *ctx)\n{\n}\n",
	      "line and column of a function that begins inside a line");
	check("static int f(int x) { return x; }", "static int f(int x) { return x; }",
	      "a static function is left alone");
	check("struct a { int x; } __attribute__((packed));",
	      "struct a { int x; } __attribute__((packed));", "a struct");
	check("int f(int x);", "int f(int x);", "a declaration");
	check("int a[] = { 1 }; int (*p)(void);", "int a[] = { 1 }; int (*p)(void);", "variables");
	check("RAW_TRACEPOINT_PROBE(sys_enter) { return 0; }",
	      "RAW_TRACEPOINT_PROBE(sys_enter) { return 0; }", "a macro that is a function");
	check("/* int f(void) { } */ // int g() {}", "/* int f(void) { } */ // int g() {}",
	      "comments");
	check("#define F int f(void) { }\n", "#define F int f(void) { }\n", "directives");
	check("int f(void *c) { return 0; }\nint g(void *c) { return 0; }",
	      "SEC(\"fn/f\")\n#line 1\nint f(void *c) { return 0; }\nSEC(\"fn/g\")\n#line 2\nint g(void *c) { return 0; }",
	      "two functions");
}

static void arguments(void)
{
	check("int f(struct pt_regs *ctx, int a, char *b) { return a; }",
	      "static __always_inline\n#line 1\nint f_skep_bound(struct pt_regs *ctx, int a, char *b) { return a; }"
	      " SEC(\"fn/f\") int f(struct pt_regs *skep_ctx) { int a = (typeof(a))PT_REGS_PARM1(skep_ctx); "
	      "char *b = (typeof(b))PT_REGS_PARM2(skep_ctx); return f_skep_bound(skep_ctx, a, b); }",
	      "arguments are bound from registers");
	check("int f(struct pt_regs *ctx) { return 0; }",
	      "SEC(\"fn/f\")\n#line 1\nint f(struct pt_regs *ctx) { return 0; }",
	      "no argument, nothing bound");
	check("int f(void *a, int b) { return 0; }",
	      "SEC(\"fn/f\")\n#line 1\nint f(void *a, int b) { return 0; }",
	      "bound only after pt_regs");
}

static void methods(void)
{
	check("#define X t.increment(k)", "#define X t.increment(k, 1)", "increment(key)");
	check("#define X t.atomic_increment(f(a, b))", "#define X t.atomic_increment(f(a, b), 1)",
	      "commas inside the key");
	check("#define X t.increment(k, 2)", "#define X t.increment(k, 2)", "increment(key, by)");
	check("#define X increment(k)", "#define X increment(k)", "a function of that name");
	check("int a[] = { o.perf_submit(ctx, &d, sizeof(d)) };",
	      "int a[] = { o.perf_submit(ctx, SKEP_EVENT(o, &d), sizeof(d)) };",
	      "perf_submit keeps the type");
	check("int a[] = { r.ringbuf_output(&d[f(1, 2)], 8, 0) };",
	      "int a[] = { r.ringbuf_output(SKEP_EVENT(r, &d[f(1, 2)]), 8, 0) };",
	      "so does ringbuf_output");
	check("int a[] = { o.perf_submit(ctx) };", "int a[] = { o.perf_submit(ctx) };",
	      "too few arguments are left alone");
	check("BPF_TABLE(\"hash\", int, int, t, 1);", "BPF_TABLE(hash, int, int, t, 1);",
	      "BPF_TABLE's quotes");
	check("#include <uapi/linux/ptrace.h>\n", "#include <linux/ptrace.h>\n", "<uapi/X> is <X>");
}

static void licence(void)
{
	struct bcc_source given;
	char *out;

	bcc_translate("int x;", 6, "f.c", &given);
	ok(strstr(given.text, "char _license[] SEC(\"license\")"), "a licence is added");
	bcc_source_free(&given);
	out = translate("char l[] __attribute__((section(\"license\"))) = \"MIT\";");
	ok(out && !strstr(out, "_license"), "not where there is one");
	free(out);
	bcc_translate("int x;", 6, "a \"b\\c\nd", &given);
	ok(strstr(given.text, "# 1 \"a \\\"b\\\\c d\" 2\n"),
	   "a path with quotes and a line end is written as one string");
	bcc_source_free(&given);
}

/* Whose headers are read, and when the kernel's types come in front. */
static void kernel_types(void)
{
	static const struct {
		const char *source, *want, *tags;
	} cases[] = {
		{ "#include <uapi/linux/in.h>\nint x;", "#include <linux/in.h>\nint x;", NULL },
		{ "#include <linux/sched.h> /* why */\nint x;", " /* why */\nint x;", NULL },
		{ "#include <net/sock.h>\n#include <linux/in.h>\nint x;", "\n\nint x;",
		  "pt_regs\n" },
		{ "#include <bcc/proto.h>\nint x;", "\nint x;", NULL },
		{ "struct task_struct *x;", "struct task_struct *x;", "pt_regs\n" },
		{ "struct mine { int a; } x;", "struct mine { int a; } x;", NULL },
		{ "struct mine { struct sock *s; } x;", "struct mine { struct sock *s; } x;",
		  "pt_regs\nmine\n" },
		{ "#include <stdint.h>\nint x;", "#include <stdint.h>\nint x;", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct bcc_source out;
		char *text = translate(cases[i].source);

		bcc_translate(cases[i].source, strlen(cases[i].source), "f.c", &out);
		ok(!strcmp(text, cases[i].want), "headers: %s", cases[i].source);
		ok(cases[i].tags ? out.kernel && !strcmp(out.kernel, cases[i].tags) : !out.kernel,
		   "and its types");
		bcc_source_free(&out);
		free(text);
	}
}

static void dialects(void)
{
	static const char *const libbpf[] = {
		"SEC(\"xdp\") int f(void *c) { return 0; }",
		"#include <bpf/bpf_helpers.h>\n",
		"#include \"vmlinux.h\"\n",
	};
	static const char *const bcc[] = { "int f(void *c) { return 0; }", "BPF_HASH(a);",
					   "// SEC(\"xdp\")\nint x;", "" };

	for (size_t i = 0; i < ARRAY_SIZE(libbpf); i++)
		ok(!bcc_is_dialect(libbpf[i], strlen(libbpf[i])), "libbpf style: %.20s", libbpf[i]);
	for (size_t i = 0; i < ARRAY_SIZE(bcc); i++)
		ok(bcc_is_dialect(bcc[i], strlen(bcc[i])), "BCC's dialect: %zu", i);
}

/* Texts that are no C, cut anywhere: no crash, nothing read outside. */
static void hostile(void)
{
	static const char text[] =
		"#include <uapi/x\nBPF_TABLE(\"hash\" /* \\\n int f(struct pt_regs *ctx, int (*a)(int), b[3])"
		"{ t.increment( \"\\\" ' ) } }} ((( RAW(x) { . increment ( , ) int f(,,) { \\\r\n";
	struct bcc_source out;
	int good = 0, all = 0;

	for (size_t n = 0; n < sizeof(text); n++)
		for (size_t from = 0; from <= n; from += 3) {
			char *copy = malloc(n - from + 1);

			memcpy(copy, text + from, n - from);
			all++;
			if (!bcc_translate(copy, n - from, "f.c", &out)) {
				good++;
				bcc_source_free(&out);
			}
			free(copy);
		}
	is(good, all, "every cut of a bad text is translated somehow");
}

int main(void)
{
	sections();
	arguments();
	methods();
	licence();
	dialects();
	kernel_types();
	hostile();
	return done();
}
