/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Benchmark of events: what a system call costs in a traced tree, attached and not, what an
 * execve costs, how long skep needs to its first event, and packets from a capture file. It runs
 * itself as the traced command: untraced, under a bare listener (bare.h) and traced in turns. Of the
 * short rounds of each run the time that a tenth lie below counts, of the runs the median.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bare.h"
#include "util/types.h"

enum { ROUNDS = 7, INNER = 151, CALLS = 100, PROCESSES = 20, PACKETS = 1000000 };

static char dir[] = "/tmp/skep-bench-XXXXXX", self[4096];
static const char *skep;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *values, int count)
{
	qsort(values, (size_t)count, sizeof(*values), compare);
	return values[count / 2];
}

/* ---- what is traced: prints ns a time ---- */

static double time_getppid(void)
{
	double start = now();

	for (int i = 0; i < CALLS; i++)
		syscall(SYS_getppid);
	return (now() - start) / CALLS;
}

static double time_access(void)
{
	double start = now();

	for (int i = 0; i < CALLS; i++)
		syscall(SYS_access, "/no/such/file", 0);
	return (now() - start) / CALLS;
}

/* A process that calls execve once, in vain: the call's cost without that of a new program. */
static int exec_in_vain(void)
{
	static char *const argv[] = { "none", NULL };
	pid_t pid = vfork();

	if (!pid) {
		execve("/no/such/command", argv, argv + 1);
		_exit(0);
	}
	return waitpid(pid, NULL, 0);
}

static double time_exec(void)
{
	double start = now();

	for (int i = 0; i < PROCESSES; i++)
		exec_in_vain();
	return (now() - start) / PROCESSES;
}

static int run_inner(const char *name)
{
	static const struct {
		const char *name;
		double (*run)(void);
	} inner[] = {
		{ "getppid", time_getppid },
		{ "access", time_access },
		{ "exec", time_exec },
	};
	double ns[INNER];

	for (size_t i = 0; i < ARRAY_SIZE(inner); i++) {
		if (strcmp(inner[i].name, name))
			continue;
		for (int r = 0; r < INNER; r++)
			ns[r] = inner[i].run();
		qsort(ns, INNER, sizeof(*ns), compare);
		fprintf(stderr, "%.1f\n", ns[INNER / 10]);
		return 0;
	}
	return 2;
}

/* ---- what a bare listener does of skep's work ---- */

/* A piece of the caller's memory, by a file that stays open. */
static void read_string(const struct seccomp_notif *notif)
{
	static char path[32], text[64];
	static int mem = -1;

	if (mem < 0) {
		snprintf(path, sizeof(path), "/proc/%u/mem", notif->pid);
		mem = open(path, O_RDONLY);
	}
	if (pread(mem, text, sizeof(text), (off_t)notif->data.args[0]) < 0)
		text[0] = 0;
}

/* The caller's name: for a process that is new, since each calls once. */
static void read_name(const struct seccomp_notif *notif)
{
	char path[32], name[16];
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/comm", notif->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || pread(fd, name, sizeof(name), 0) < 0)
		return;
	close(fd);
}

static int run_bare(char *const argv[])
{
	static const struct {
		const char *name;
		unsigned nr;
		void (*look)(const struct seccomp_notif *notif);
	} bares[] = {
		{ "getppid", SYS_getppid, NULL },
		{ "access", SYS_access, read_string },
		{ "exec", SYS_execve, read_name },
	};
	char *inner[] = { self, argv[0], NULL };

	for (size_t i = 0; i < ARRAY_SIZE(bares); i++)
		if (!strcmp(bares[i].name, argv[0]))
			bare_run(inner, bares[i].nr, argv[1] ? NULL : bares[i].look);
	return 2;
}

/* ---- running it ---- */

/*
 * Runs argv; what it wrote to fd (1 or 2), as a number. *first_ns: when the first byte came;
 * *usage: of it alone.
 */
static double run(char *const argv[], int fd, double *first_ns, struct rusage *usage)
{
	posix_spawn_file_actions_t actions;
	struct rusage unused;
	char text[1 << 16];
	double start, first = 0, value;
	int pipes[2], status;
	ssize_t n, len = 0;
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC))
		return -1;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, pipes[1], fd);
	start = now();
	if (posix_spawn(&pid, argv[0], &actions, NULL, argv, environ))
		exit(125);
	close(pipes[1]);
	while ((n = read(pipes[0], text + len, sizeof(text) - 1 - (size_t)len)) > 0) {
		first = first ? first : now() - start;
		len += n;
		if (len == sizeof(text) - 1)
			len = 0;
	}
	close(pipes[0]);
	wait4(pid, &status, 0, usage ? usage : &unused);
	posix_spawn_file_actions_destroy(&actions);
	text[len] = '\0';
	value = strtod(text, NULL);
	if (first_ns)
		*first_ns = first;
	return status ? -1 : value;
}

static void write_file(const char *name, const char *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "w");
	fputs(text, file);
	fclose(file);
}

/*
 * Untraced, under the bare listener (where floor says so; alone: which only lets continue) and traced
 * by prog attached to target, in turns.
 */
enum floor { NONE, ALONE, LOOKS };

static void compare_with(const char *what, const char *name, const char *prog, const char *target,
			 enum floor floor, double limit)
{
	char path[256], *plain[] = { self, (char *)name, NULL };
	char *bare[] = { self, "bare", (char *)name, floor == ALONE ? "alone" : NULL, NULL };
	char *traced[] = { (char *)skep, "run",	       "--attach", (char *)target, path, "--",
			   self,	 (char *)name, NULL };
	double a[ROUNDS], b[ROUNDS], c[ROUNDS], off, on;

	snprintf(path, sizeof(path), "%s/%s", dir, prog);
	run(traced, 2, NULL, NULL);
	for (int i = 0; i < ROUNDS; i++) {
		a[i] = run(plain, 2, NULL, NULL);
		b[i] = floor == NONE ? 0 : run(bare, 2, NULL, NULL);
		c[i] = run(traced, 2, NULL, NULL);
	}
	off = median(a, ROUNDS);
	on = median(c, ROUNDS);
	printf("%-50s %9.0f", what, off);
	if (floor == NONE)
		printf(" %9s", "");
	else
		printf(" %9.0f", median(b, ROUNDS));
	printf(" %9.0f %+9.0f ns", on, on - off);
	if (floor != NONE)
		printf(", x %.2f of bare", on / median(b, ROUNDS));
	printf(limit ? "  (<= %.0f)\n" : "\n", limit);
}

static void strace_with(const char *what, const char *name, const char *filter)
{
	char *traced[] = {
		"/usr/bin/strace", "-f", "--seccomp-bpf", "-qqq", "-o", "/dev/null", "-e",
		(char *)filter,	   self, (char *)name,	  NULL
	};
	char *plain[] = { self, (char *)name, NULL };
	double off, on;

	if (access(traced[0], X_OK))
		return;
	off = run(plain, 2, NULL, NULL);
	on = run(traced, 2, NULL, NULL);
	printf("%-50s %9.0f %9s %9.0f %+9.0f ns\n", what, off, "", on, on - off);
}

/* The shortest of some runs, from start to end. */
static double whole_ns(char *const argv[])
{
	double best = 0;

	for (int i = 0; i < 3; i++) {
		double start = now();

		run(argv, 2, NULL, NULL);
		if (!best || now() - start < best)
			best = now() - start;
	}
	return best;
}

/* A tool that does little else than the two calls that are counted. */
static void find_files(void)
{
	char prog[256];
	char *plain[] = { "/usr/bin/find", "/usr", NULL };
	char *traced[] = { (char *)skep, "run",	   "--maps", "none", prog,
			   "--",	 plain[0], plain[1], NULL };
	char *straced[] = { "/usr/bin/strace",
			    "-f",
			    "--seccomp-bpf",
			    "-qqq",
			    "-o",
			    "/dev/null",
			    "-e",
			    "trace=openat,newfstatat",
			    plain[0],
			    plain[1],
			    NULL };
	double off, on, by_strace;

	if (access(plain[0], X_OK))
		return;
	snprintf(prog, sizeof(prog), "%s/calls.bpf.c", dir);
	run(traced, 2, NULL, NULL);
	off = whole_ns(plain);
	on = whole_ns(traced);
	printf("%-58s %9.0f %9.0f ms, x %.1f  (<= 3.5)\n",
	       "find /usr, counting openat and newfstatat", off / 1e6, on / 1e6, on / off);
	if (access(straced[0], X_OK))
		return;
	by_strace = whole_ns(straced);
	printf("%-58s %9.0f %9.0f ms, x %.1f of skep's  (>= 3)\n", "  strace --seccomp-bpf",
	       off / 1e6, by_strace / 1e6, by_strace / on);
}

static void start_up(void)
{
	char path[256], cache[256];
	char *traced[] = { (char *)skep, "run", "--attach",  "kprobe:execve",
			   path,	 "--",	"/bin/true", NULL };
	double cached[ROUNDS * 3], uncached[ROUNDS];
	struct rusage usage;
	long peak = 0;

	snprintf(path, sizeof(path), "%s/hello.c", dir);
	run(traced, 1, NULL, NULL);
	for (int i = 0; i < ROUNDS * 3; i++) {
		run(traced, 1, &cached[i], &usage);
		peak = max(peak, usage.ru_maxrss);
	}
	for (int i = 0; i < ROUNDS; i++) {
		snprintf(cache, sizeof(cache), "%s/cache%d", dir, i);
		setenv("XDG_CACHE_HOME", cache, 1);
		run(traced, 1, &uncached[i], NULL);
	}
	printf("%-58s %9.1f ms  (<= 15)\n", "skep run hello.c -- true, cached: to the first event",
	       median(cached, ROUNDS * 3) / 1e6);
	printf("%-58s %9.1f MB  (<= 12)\n", "  peak memory", (double)peak / 1024);
	printf("%-58s %9.1f ms  (<= 120)\n", "  not cached: to the first event",
	       median(uncached, ROUNDS) / 1e6);
}

static void write_capture(void)
{
	static const u32 header[] = { 0xa1b2c3d4, 4 << 16 | 2, 0, 0, 65535, 1 },
			 record[] = { 1, 2, 64, 64 };
	static const u8 packet[64];
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/in.pcap", dir);
	file = fopen(path, "w");
	fwrite(header, sizeof(header), 1, file);
	for (int i = 0; i < PACKETS; i++) {
		fwrite(record, sizeof(record), 1, file);
		fwrite(packet, sizeof(packet), 1, file);
	}
	fclose(file);
}

static double cpu_ns(const struct rusage *usage)
{
	return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1e9 +
	       (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) * 1e3;
}

/* By CPU time: it is one thread that never waits. */
static void packets(void)
{
	char prog[256], in[256], out[256];
	char *count[] = { (char *)skep, "run", "--maps", "none", prog, "--pcap", in, NULL };
	char *copy[] = { (char *)skep, "run", "--maps", "none", prog,
			 "--pcap",     in,    "--out",	out,	NULL };
	struct rusage usage;
	double a[ROUNDS], b[ROUNDS];

	snprintf(prog, sizeof(prog), "%s/count.bpf.c", dir);
	snprintf(in, sizeof(in), "%s/in.pcap", dir);
	snprintf(out, sizeof(out), "%s/out.pcap", dir);
	write_capture();
	run(count, 2, NULL, NULL);
	for (int i = 0; i < ROUNDS; i++) {
		run(count, 1, NULL, &usage);
		a[i] = cpu_ns(&usage);
		run(copy, 1, NULL, &usage);
		b[i] = cpu_ns(&usage);
	}
	printf("%-58s %9.1f ns a packet, %.1f M/s\n",
	       "pcap, 64 bytes, counting program, start-up included", median(a, ROUNDS) / PACKETS,
	       PACKETS * 1e3 / median(a, ROUNDS));
	printf("%-58s %9.1f ns a packet, %.1f M/s\n", "  and writing all of them",
	       median(b, ROUNDS) / PACKETS, PACKETS * 1e3 / median(b, ROUNDS));
}

static void find_self(void)
{
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		exit(1);
}

static void set_up(void)
{
	find_self();
	if (!mkdtemp(dir))
		exit(1);
	skep = getenv("SKEP") ? getenv("SKEP") : "build/skep";
	setenv("XDG_CACHE_HOME", dir, 1);
	write_file("hello.c",
		   "int hello(void *ctx) { bpf_trace_printk(\"Hello World!\"); return 0; }\n");
	write_file("nothing.c", "int nothing(void *ctx) { return 0; }\n");
	write_file("string.bpf.c",
		   "#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n"
		   "struct enter { long pad; long nr; unsigned long args[6]; };\n"
		   "SEC(\"tracepoint/syscalls/sys_enter_access\") int string(struct enter *e)\n"
		   "{ char s[64]; bpf_probe_read_user_str(s, sizeof(s), (void *)e->args[0]);\n"
		   "return 0; }\n"
		   "char LICENSE[] SEC(\"license\") = \"GPL\";\n");
	write_file("calls.bpf.c",
		   "#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\nlong calls;\n"
		   "SEC(\"kprobe/__x64_sys_openat\") int a(void *c) { calls++; return 0; }\n"
		   "SEC(\"kprobe/__x64_sys_newfstatat\") int b(void *c) { calls++; return 0; }\n"
		   "char LICENSE[] SEC(\"license\") = \"GPL\";\n");
	write_file("count.bpf.c",
		   "#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\nlong packets;\n"
		   "SEC(\"xdp\") int count(struct xdp_md *ctx) { packets++; return XDP_PASS; }\n"
		   "char LICENSE[] SEC(\"license\") = \"GPL\";\n");
}

int main(int argc, char **argv)
{
	char command[300];

	if (argc > 2) {
		find_self();
		return run_bare(argv + 2);
	}
	if (argc > 1)
		return run_inner(argv[1]);
	set_up();
	printf("%-50s %9s %9s %9s %9s\n", "", "untraced", "bare", "traced", "");
	compare_with("execve in vain in a new process, hello prints", "exec", "hello.c",
		     "kprobe:execve", LOOKS, 25000);
	compare_with("  with an empty program", "exec", "nothing.c", "kprobe:execve", ALONE, 0);
	compare_with("getppid, not attached", "getppid", "nothing.c", "kprobe:execve", NONE, 60);
	compare_with("getppid, attached, empty program", "getppid", "nothing.c", "kprobe:getppid",
		     ALONE, 4500);
	compare_with("access, attached, one string read", "access", "string.bpf.c",
		     "tracepoint:syscalls:sys_enter_access", LOOKS, 6000);
	strace_with("  strace --seccomp-bpf: access", "access", "trace=access");
	compare_with("access, its exit attached, empty program", "access", "nothing.c",
		     "kretprobe:access", NONE, 0);
	find_files();
	start_up();
	packets();
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command);
}
