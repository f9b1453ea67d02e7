/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs data tests of the verifier: for each case of each file, the verdict, and for a rejection the
 * last line of the log, must be as written, and the running kernel's must be the same where it may
 * be asked (verdict, errno and last line; "-- differs: why" takes the kernel out of one case).
 *
 *   runner FILE…            TAP on stdout
 *   runner -p FILE          prints both logs of every case, for writing tests
 *
 * A case:   == name
 *           -- type xdp [attach N] [flags N] [no-gpl]       default: socket_filter
 *           -- func NAME [static] (int, ctx, mem8, …)       prototypes, main first; default: none
 *           -- c            a C program instead (compile.h), with clang where there is one
 *           -- asm
 *           r1 = map[hash8]       also: value[data+8], func[label]
 *           -- accept   or   -- reject LAST LINE (of a C program, whose registers the compiler chooses, a part of it)
 */
#include <ctype.h>
#include <time.h>

#include "isa/asm.h"
#include "isa/insn.h"
#include "tap.h"
#include "verify/belief.h"
#include "verify/compile.h"
#include "verify/machine.h"

enum { MAX_TEXT = 1 << 16, MAX_FUNCS = 16 };

struct func {
	char name[32];
	bool is_static;
	char args[5][16];
	u32 nr_args;
};

struct test_case {
	char name[128], text[MAX_TEXT], last[512], differs[256];
	struct question q;
	struct func funcs[MAX_FUNCS];
	u32 nr_funcs;
	bool accept, c;
	struct bpf_insn *owned;
};

static struct oracle oracle;

static const struct {
	const char *name;
	u32 type;
} types[] = {
	{ "socket_filter", BPF_PROG_TYPE_SOCKET_FILTER },
	{ "kprobe", BPF_PROG_TYPE_KPROBE },
	{ "sched_cls", BPF_PROG_TYPE_SCHED_CLS },
	{ "tracepoint", BPF_PROG_TYPE_TRACEPOINT },
	{ "xdp", BPF_PROG_TYPE_XDP },
	{ "perf_event", BPF_PROG_TYPE_PERF_EVENT },
	{ "cgroup_skb", BPF_PROG_TYPE_CGROUP_SKB },
	{ "cgroup_sock", BPF_PROG_TYPE_CGROUP_SOCK },
	{ "raw_tracepoint", BPF_PROG_TYPE_RAW_TRACEPOINT },
	{ "cgroup_sock_addr", BPF_PROG_TYPE_CGROUP_SOCK_ADDR },
	{ "sk_lookup", BPF_PROG_TYPE_SK_LOOKUP },
	{ "lwt_xmit", BPF_PROG_TYPE_LWT_XMIT },
	{ "sk_skb", BPF_PROG_TYPE_SK_SKB },
	{ "sock_ops", BPF_PROG_TYPE_SOCK_OPS },
};

static void parse_type(struct test_case *t, char *line)
{
	char *word = strtok(line, " ");

	for (; word; word = strtok(NULL, " ")) {
		if (!strcmp(word, "attach"))
			t->q.attach = (u32)atoi(strtok(NULL, " "));
		else if (!strcmp(word, "flags"))
			t->q.flags = (u32)atoi(strtok(NULL, " "));
		else if (!strcmp(word, "no-gpl"))
			t->q.no_gpl = true;
		for (u32 i = 0; i < ARRAY_SIZE(types); i++)
			if (!strcmp(word, types[i].name))
				t->q.type = types[i].type;
	}
}

static void parse_func(struct test_case *t, char *line)
{
	struct func *f = &t->funcs[t->nr_funcs++];
	char *word = strtok(line, " (),");

	snprintf(f->name, sizeof(f->name), "%s", word);
	while ((word = strtok(NULL, " (),"))) {
		if (!strcmp(word, "static"))
			f->is_static = true;
		else
			snprintf(f->args[f->nr_args++], sizeof(f->args[0]), "%s", word);
	}
}

/* "r1 = map[hash8]" and its kin become ld_pseudo. */
static void parse_asm(struct test_case *t, const char *line)
{
	char name[32] = "", reg[8] = "", *out = t->text + strlen(t->text);
	size_t room = sizeof(t->text) - strlen(t->text);
	u32 off = 0;

	if (sscanf(line, " r%3[0-9] = map[%31[a-z0-9]]", reg, name) == 2) {
		for (u32 i = 0; i < ORACLE_MAPS; i++)
			if (!strcmp(oracle_maps[i].name, name))
				snprintf(out, room, "ld_pseudo r%s, 1, %u\n", reg, i);
	} else if (sscanf(line, " r%3[0-9] = func[%31[a-z0-9_]]", reg, name) == 2) {
		snprintf(out, room, "ld_pseudo r%s, 4, %s\n", reg, name);
	} else if (sscanf(line, " r%3[0-9] = value[%31[a-z0-9]+%u]", reg, name, &off) >= 2) {
		for (u32 i = 0; i < ORACLE_MAPS; i++)
			if (!strcmp(oracle_maps[i].name, name))
				snprintf(out, room, "ld_pseudo r%s, 2, 0x%x\n", reg,
					 off << 8 | i); /* split later */
	} else {
		snprintf(out, room, "%s\n", line);
	}
}

static void put_type(struct btfgen *g, const char *arg, u32 ctx_ptr, u32 *ids)
{
	(void)g;
	*ids = !strcmp(arg, "int") ? 1 : !strcmp(arg, "ctx") ? ctx_ptr : 0;
}

/* BTF of the functions; ids: 1 int, 2 context struct, 3 its pointer, then a struct and a pointer a mem argument. */
static void make_btf(struct test_case *t, struct btfgen *g, struct bpf_func_info *info,
		     const u32 *starts, u32 nr)
{
	const char *ctx = t->q.type == BPF_PROG_TYPE_XDP      ? "xdp_md"
			  : t->q.type == BPF_PROG_TYPE_KPROBE ? "pt_regs"
							      : "__sk_buff";
	u32 ids[MAX_FUNCS][5];

	btfgen_start(g);
	btfgen_int(g, "int", 4);
	btfgen_type(g, ctx, BTF_KIND_STRUCT, 0, 4);
	btfgen_type(g, "", BTF_KIND_PTR, 0, 2);
	for (u32 i = 0; i < nr; i++)
		for (u32 k = 0; k < t->funcs[i].nr_args; k++) {
			put_type(g, t->funcs[i].args[k], 3, &ids[i][k]);
			if (ids[i][k])
				continue;
			btfgen_type(g, "m", BTF_KIND_STRUCT, 0, (u32)atoi(t->funcs[i].args[k] + 3));
			ids[i][k] = btfgen_type(g, "", BTF_KIND_PTR, 0, g->nr_types);
		}
	for (u32 i = 0; i < nr; i++) {
		u32 proto = btfgen_type(g, "", BTF_KIND_FUNC_PROTO, t->funcs[i].nr_args, 1);

		for (u32 k = 0; k < t->funcs[i].nr_args; k++)
			btfgen_param(g, "a", ids[i][k]);
		info[i].insn_off = starts[i];
		info[i].type_id = btfgen_type(
			g, t->funcs[i].name, BTF_KIND_FUNC,
			t->funcs[i].is_static ? BTF_FUNC_STATIC : BTF_FUNC_GLOBAL, proto);
	}
	btfgen_finish(g);
}

static int by_number(const void *a, const void *b)
{
	return (int)*(const u32 *)a - (int)*(const u32 *)b;
}

static u32 find_functions(const struct bpf_insn *insns, u32 count, u32 *starts)
{
	u32 nr = 1;

	starts[0] = 0;
	for (u32 i = 0; i < count && nr < MAX_FUNCS; i++) {
		bool call = insns[i].code == (BPF_JMP | BPF_CALL) &&
			    insns[i].src_reg == BPF_PSEUDO_CALL;
		bool addr = insns[i].code == (BPF_LD | BPF_IMM | BPF_DW) &&
			    insns[i].src_reg == BPF_PSEUDO_FUNC;
		u32 to = i + 1 + (u32)insns[i].imm;
		bool known = false;

		if (!call && !addr)
			continue;
		for (u32 k = 0; k < nr; k++)
			known |= starts[k] == to;
		if (!known)
			starts[nr++] = to;
	}
	qsort(starts, nr, sizeof(*starts), by_number);
	return nr;
}

static void to_stderr(void *arg, const char *text, size_t len)
{
	(void)arg;
	fwrite(text, 1, len, stderr);
}

/* What was accepted loads, if skep has what it asks for; in an ORACLE build it is run, and every belief must hold. */
static void load(const struct test_case *t)
{
	static struct machine m;
	struct question q = t->q;
	clock_t start = clock();
	int fd;

	q.skep = true;
	q.level = 0;
	if (oracle_ours(&oracle, &q, NULL) || (!m.skep && !machine_open(&m, false)))
		return;
	fd = machine_load(&m, &q);
	if (fd == -EINVAL)
		ok(0, "%s: loads", t->name);
	if (fd < 0)
		return;
	for (u32 i = 0; ORACLE_BUILD && i < 50 && clock() - start < CLOCKS_PER_SEC / 4 &&
			machine_run(&m, q.type, fd);
	     i++)
		;
	close(fd);
}

static bool assemble(struct test_case *t)
{
	static struct btfgen g;
	static struct bpf_func_info info[MAX_FUNCS];
	struct log log = { to_stderr, NULL };
	struct bpf_insn *insns = NULL;
	u32 starts[MAX_FUNCS], nr, count = 0;

	if (asm_program(t->text, &insns, &count, &log))
		return ok(0, "%s: does not assemble", t->name);
	for (u32 i = 0; i + 1 < count; i++)
		if (insns[i].code == (BPF_LD | BPF_IMM | BPF_DW) &&
		    insns[i].src_reg == BPF_PSEUDO_MAP_VALUE) {
			insns[i + 1].imm = insns[i].imm >> 8;
			insns[i].imm &= 0xff;
		}
	t->q.insns = t->owned = insns;
	t->q.count = count;
	nr = find_functions(insns, count, starts);
	if (t->nr_funcs) {
		make_btf(t, &g, info, starts, min(nr, t->nr_funcs));
		t->q.btf = &g;
		t->q.func_info = info;
		t->q.func_info_count = min(nr, t->nr_funcs);
	}
	return true;
}

static bool compile(struct test_case *t)
{
	static struct compiled program;
	int err = compile_c(t->text, &program);

	if (err == -ENOENT)
		skip("no clang");
	else if (err)
		ok(0, "%s: does not compile", t->name);
	compiled_question(&program, &t->q);
	return !err;
}

/* Linux gives up where a signal is pending, and says ENOSPC as ever if its log was full by then: asked again. */
static int ask_kernel(const struct test_case *t, const char *want, const char **last)
{
	int err, tries = 0;

	do {
		err = oracle_kernel(&oracle, &t->q);
		*last = oracle_last_line(oracle.kernel_log);
	} while (err == -ENOSPC && strcmp(want, *last) && ++tries < 20);
	return err;
}

/* The running kernel's verdict, told as a test of its own. */
static void compare(const struct test_case *t, int ours)
{
	const char *ours_last = oracle_last_line(oracle.ours_log), *kernel_last;
	int kernel = ask_kernel(t, ours_last, &kernel_last);
	bool same = ours == kernel && (!ours || !strcmp(ours_last, kernel_last));

	if (kernel == -EPERM || t->differs[0]) {
		skip(t->differs[0] ? t->differs : "bpf(2) is not permitted here");
		return;
	}
	ok(same, "%s: the kernel's verdict", t->name);
	if (!same)
		printf("# here %d %s\n# kernel %d %s\n", ours, ours_last, kernel, kernel_last);
}

static void judge(struct test_case *t, bool print)
{
	const char *last;
	bool good;
	int ours;

	if (!(t->c ? compile(t) : assemble(t)))
		return;
	t->q.level = 1;
	ours = oracle_ours(&oracle, &t->q, NULL);
	last = oracle_last_line(oracle.ours_log);
	good = t->accept ? !ours
			 : ours && (t->c ? strstr(last, t->last) != NULL : !strcmp(last, t->last));
	if (print) {
		printf("== %s\n-- ours %d\n%s", t->name, ours, oracle.ours_log);
		ours = oracle_kernel(&oracle, &t->q);
		printf("-- kernel %d\n%s", ours, oracle.kernel_log);
	} else {
		ok(good, "%s", t->name);
		if (!good)
			printf("# got %d %s\n", ours, last);
		compare(t, ours);
	}
	if (!ours && !print)
		load(t);
	free(t->owned);
}

static int run_file(const char *path, bool print)
{
	static struct test_case t;
	static char line[1024];
	FILE *f = fopen(path, "r");
	bool in_asm = false;

	if (!f) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return 1;
	}
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, "== ", 3)) {
			memset(&t, 0, sizeof(t));
			t.q.type = BPF_PROG_TYPE_SOCKET_FILTER;
			snprintf(t.name, sizeof(t.name), "%.127s", line + 3);
			in_asm = false;
		} else if (!strncmp(line, "-- type ", 8)) {
			parse_type(&t, line + 8);
		} else if (!strncmp(line, "-- func ", 8)) {
			parse_func(&t, line + 8);
		} else if (!strncmp(line, "-- differs: ", 12)) {
			snprintf(t.differs, sizeof(t.differs), "%.255s", line + 12);
		} else if (!strcmp(line, "-- asm") || !strcmp(line, "-- c")) {
			in_asm = true;
			t.c = line[3] == 'c';
		} else if (!strcmp(line, "-- accept") || !strncmp(line, "-- reject", 9)) {
			t.accept = line[3] == 'a';
			snprintf(t.last, sizeof(t.last), "%.511s",
				 t.accept || !line[9] ? "" : line + 10);
			judge(&t, print);
			in_asm = false;
		} else if (in_asm && t.c) {
			strcat(strncat(t.text, line, sizeof(t.text) - strlen(t.text) - 2), "\n");
		} else if (in_asm) {
			parse_asm(&t, line);
		}
	}
	fclose(f);
	return 0;
}

int main(int argc, char **argv)
{
	bool print = argc > 1 && !strcmp(argv[1], "-p");
	int err = 0;

	oracle_open(&oracle);
	for (int i = 1 + print; i < argc; i++)
		err |= run_file(argv[i], print);
	oracle_close(&oracle);
	return (print ? 0 : done()) || err;
}
