// SPDX-License-Identifier: BSD-2-Clause
/*
 * Compiling: read the source, ask the cache, otherwise translate the dialect, run clang, keep the
 * object. The key of the cache covers the source as compiled, where it is and the flags; what
 * the source includes and the compiler are the entry's business.
 */
#include "load/compile.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bcc/dialect.h"
#include "load/assemble.h"
#include "load/cache.h"
#include "load/clang.h"
#include "load/vmlinux.h"
#include "util/sha256.h"

enum { SOURCE_MAX = 16 << 20 };

#if defined(__x86_64__)
#define ARCH_FLAGS "-D__TARGET_ARCH_x86", "-idirafter", "/usr/include/x86_64-linux-gnu"
#elif defined(__aarch64__)
#define ARCH_FLAGS "-D__TARGET_ARCH_arm64", "-idirafter", "/usr/include/aarch64-linux-gnu"
#else
#define ARCH_FLAGS "-D__TARGET_ARCH_unknown"
#endif

struct source {
	const char *path; /* as the user wrote it */
	char real[4096], folder[4096], base[256];
	char *text;
	size_t len;
	bool bcc;
	struct bcc_source plain;  /* BCC's dialect made plain C: what is compiled */
	const char *const *flags; /* the user's, NULL at the end; may be NULL */
	bool memory;		  /* not a file: path is but a name */
};

static int read_source(struct source *s, struct log *log)
{
	FILE *file = fopen(s->path, "re");
	struct stat st;
	char copy[4096];
	int err = 0;

	if (!file)
		return fail(log, -errno, "%s: %s", s->path, strerror(errno));
	if (fstat(fileno(file), &st) || !S_ISREG(st.st_mode))
		err = fail(log, -EINVAL, "%s: not a file", s->path);
	else if (st.st_size > SOURCE_MAX)
		err = fail(log, -E2BIG, "%s: larger than 16 MiB", s->path);
	else if (!(s->text = malloc((size_t)st.st_size + 1)))
		err = -ENOMEM;
	else
		s->len = fread(s->text, 1, (size_t)st.st_size, file);
	fclose(file);
	if (err)
		return err;
	s->text[s->len] = 0;
	if (assemble_takes(s->path))
		return 0;
	if (!realpath(s->path, s->real))
		return fail(log, -errno, "%s: %s", s->path, strerror(errno));
	strcpy(copy, s->real);
	snprintf(s->base, sizeof(s->base), "%s", basename(copy));
	strcpy(copy, s->real);
	strcpy(s->folder, dirname(copy));
	s->bcc = bcc_is_dialect(s->text, s->len);
	return s->bcc ? bcc_translate(s->text, s->len, s->path, &s->plain) : 0;
}

static const char *const common_flags[] = {
	/* what is not declared is not there: no library is linked */
	"-target",  "bpf", "-mcpu=v3", "-g", "-O2", "-Werror=implicit-function-declaration",
	ARCH_FLAGS, NULL,
};
static const char *const bcc_flags[] = {
	"-Wno-unused-value",
	"-Wno-pointer-sign",
	"-Wno-int-conversion",
	"-Wno-unused-function",
	"-Wno-gnu-variable-sized-type-not-at-end",
	"-Wno-address-of-packed-member",
	"-Wno-compare-distinct-pointer-types",
	"-Xclang",
	"-main-file-name",
	"-Xclang",
	NULL, /* the name follows */
};

static void add_flags(const char **flags, size_t *n, const char *const *more)
{
	for (; *more; more++)
		flags[(*n)++] = *more;
}

static int make_key(struct cache_key *key, const struct source *s, const char *const *flags)
{
	char *text, kernel[VMLINUX_ID_MAX] = "";
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return -ENOMEM;
	if (s->plain.kernel)
		vmlinux_id(kernel);
	fprintf(out, "%s\n%d\n%s\n%s\n%s\n", SKEP_VERSION, s->bcc, kernel, s->path, s->real);
	for (; *flags; flags++)
		fprintf(out, "%s\n", *flags);
	fwrite(s->bcc ? s->plain.text : s->text, 1, s->bcc ? s->plain.len : s->len, out);
	if (fclose(out))
		return -ENOMEM;
	sha256(key->hash, text, len);
	free(text);
	return 0;
}

/* Whether the file is still what was read before the compiler read it. */
static bool same_still(const struct source *s)
{
	struct source now = { .path = s->path };
	bool same = s->memory || (!read_source(&now, NULL) && now.len == s->len &&
				  !memcmp(now.text, s->text, s->len));

	free(now.text);
	bcc_source_free(&now.plain);
	return same;
}

static int no_compiler(struct log *log)
{
	const char *asked = getenv("CLANG");

	if (asked && *asked)
		return fail(log, -ENOPKG, "$CLANG is '%s', which is no clang %d or later", asked,
			    CLANG_OLDEST);
	return fail(log, -ENOPKG,
		    "no clang %d or later in PATH: install clang, or build the object elsewhere "
		    "(skep build)",
		    CLANG_OLDEST);
}

static int judge(const struct source *s, const struct clang *clang,
		 const struct clang_result *result, struct log *log)
{
	say(log, "%s", result->says);
	if (WIFEXITED(result->status) && !WEXITSTATUS(result->status) && result->object_len)
		return 0;
	if (WIFSIGNALED(result->status))
		return fail(log, -EBADMSG, "%s: %s ended by signal %d", s->path, clang->path,
			    WTERMSIG(result->status));
	return fail(log, -EBADMSG, "%s: does not compile", s->path);
}

/*
 * A source that is no file: clang takes the lines that it keeps for verifier logs from files, so there is one while it runs.
 * map becomes the flag that says where; "" where there is none, and lines will do without their text.
 */
struct shadow {
	char folder[64], file[128 + 256], map[4096 + 128];
};

static bool shadow_make(struct shadow *shadow, const struct source *s)
{
	const char *tmp = getenv("TMPDIR");
	FILE *out;

	shadow->map[0] = shadow->file[0] = 0;
	if (!tmp || strlen(tmp) > sizeof(shadow->folder) - 20)
		tmp = "/tmp";
	snprintf(shadow->folder, sizeof(shadow->folder), "%s/skep-text.XXXXXX", tmp);
	if (!mkdtemp(shadow->folder))
		return false;
	snprintf(shadow->file, sizeof(shadow->file), "%s/%s", shadow->folder, s->base);
	out = fopen(shadow->file, "we");
	if (!out)
		return false;
	fwrite(s->text, 1, s->len, out);
	if (!fclose(out))
		snprintf(shadow->map, sizeof(shadow->map), "-fdebug-prefix-map=%.*s=%s",
			 (int)(strlen(s->path) - strlen(s->base) - 1), s->path, shadow->folder);
	return shadow->map[0] != 0;
}

static void shadow_drop(const struct shadow *shadow)
{
	if (!shadow->file[0])
		return;
	unlink(shadow->file);
	rmdir(shadow->folder);
}

static int run_clang(const struct source *s, struct clang *clang, const char *const *flags,
		     const struct compile_opts *opts, struct clang_result *result)
{
	struct clang_job job = { .flags = flags, .slow = opts->slow, .slow_arg = opts->slow_arg };
	int err;

	if (s->bcc) {
		job.source = s->plain.text;
		job.source_len = s->plain.len;
	} else {
		job.path = s->path;
	}
	err = clang_run(clang, &job, result);
	if (err == -ENOEXEC)
		return no_compiler(opts->log);
	if (err)
		return fail(opts->log, err, "%s: cannot be run: %s", clang->path, strerror(-err));
	err = judge(s, clang, result, opts->log);
	if (err)
		clang_result_free(result);
	return err;
}

/* Puts the kernel's types before a translated source that wants them. */
static int add_kernel_types(struct source *s, struct log *log)
{
	static const char start[] = "# 1 \"skep/vmlinux.h\" 1 3\n", end[] = "# 1 \"skep\" 2\n";
	char *types = NULL, *both;
	size_t len = 0, both_len;
	FILE *out;
	int err = s->plain.kernel ? vmlinux_text(s->plain.kernel, &types, &len, log) : 0;

	if (err || !s->plain.kernel)
		return err;
	out = open_memstream(&both, &both_len);
	if (out) {
		fputs(start, out);
		fwrite(types, 1, len, out);
		fputs(end, out);
		fwrite(s->plain.text, 1, s->plain.len, out);
		err = fclose(out) ? -ENOMEM : 0;
	} else {
		err = -ENOMEM;
	}
	if (!err) {
		free(s->plain.text);
		s->plain.text = both;
		s->plain.len = both_len;
	}
	free(types);
	return err;
}

/*
 * A program in libbpf's style that may want a vmlinux.h finds the running kernel's, unless it brings another. (A quoted header
 * may include it.)
 */
static bool add_own_types(const struct source *s, char folder[CACHE_PATH], const char **flags,
			  size_t *n)
{
	char own[sizeof(s->folder) + 16];

	snprintf(own, sizeof(own), "%s/vmlinux.h", s->folder);
	if (s->bcc || (!strstr(s->text, "vmlinux.h") && !strstr(s->text, "#include \"")) ||
	    !access(own, F_OK) || vmlinux_folder(folder))
		return false;
	flags[(*n)++] = "-idirafter";
	flags[(*n)++] = folder;
	return true;
}

static void write_own_types(const struct source *s, const char *folder, struct log *log)
{
	int err = vmlinux_write(folder);

	if (err && strstr(s->text, "vmlinux.h"))
		say(log,
		    "note: %s: a vmlinux.h of this kernel cannot be made from /sys/kernel/btf/vmlinux in %s: %s\n",
		    s->path, folder, strerror(-err));
}

static int compile(struct source *s, const struct compile_opts *opts, void **object, size_t *size)
{
	const char *flags[48 + COMPILE_FLAGS];
	char types[CACHE_PATH];
	struct shadow shadow = { .file = "" };
	struct clang clang;
	struct clang_result result;
	struct cache_key key;
	size_t n = 0;
	bool have = !clang_find(&clang), own_types;
	int err;

	add_flags(flags, &n, common_flags);
	own_types = add_own_types(s, types, flags, &n);
	if (s->bcc) {
		add_flags(flags, &n, bcc_flags);
		flags[n++] = s->base;
		flags[n++] = "-iquote";
		flags[n++] = s->folder;
	}
	if (s->flags)
		add_flags(flags, &n, s->flags);
	flags[n] = NULL;
	err = make_key(&key, s, flags);
	if (err)
		return err;
	if (!opts->fresh && !cache_get(&key, have ? clang.id : NULL, object, size))
		return 0;
	if (!have)
		return no_compiler(opts->log);
	if (opts->color)
		flags[n++] = "-fcolor-diagnostics";
	flags[n] = NULL;
	if (own_types)
		write_own_types(s, types, opts->log);
	err = add_kernel_types(s, opts->log);
	if (!err && s->memory && shadow_make(&shadow, s))
		flags[n++] = shadow.map;
	flags[n] = NULL;
	if (!err)
		err = run_clang(s, &clang, flags, opts, &result);
	shadow_drop(&shadow);
	if (err)
		return err;
	if (same_still(s))
		cache_put(&key, clang.id, result.depends, result.object, result.object_len);
	*object = result.object;
	*size = result.object_len;
	result.object = NULL;
	clang_result_free(&result);
	return 0;
}

int compile_file(const char *path, const struct compile_opts *opts, void **object, size_t *size)
{
	struct source s = { .path = path };
	int err = read_source(&s, opts->log);

	if (!err && assemble_takes(path))
		err = assemble(path, s.text, s.len, opts->log, object, size);
	else if (!err)
		err = compile(&s, opts, object, size);
	free(s.text);
	bcc_source_free(&s.plain);
	return err;
}

int compile_text(const struct compile_text *text, const struct compile_opts *opts, void **object,
		 size_t *size)
{
	struct source s = { .path = text->name,
			    .text = (char *)text->text,
			    .len = text->len,
			    .bcc = true,
			    .flags = text->flags,
			    .memory = true };
	const char *slash = strrchr(text->name, '/');
	size_t flags = 0;
	int err;

	while (text->flags && text->flags[flags])
		flags++;
	if (flags > COMPILE_FLAGS)
		return fail(opts->log, -E2BIG, "%s: more than %d flags for the compiler",
			    text->name, COMPILE_FLAGS);
	if (!slash || slash == text->name || strlen(slash + 1) >= sizeof(s.base))
		return -EINVAL;
	strcpy(s.base, slash + 1);
	if (!getcwd(s.folder, sizeof(s.folder)))
		return fail(opts->log, -errno, "the current folder: %s", strerror(errno));
	err = bcc_translate(text->text, text->len, text->name, &s.plain);
	if (!err)
		err = compile(&s, opts, object, size);
	bcc_source_free(&s.plain);
	return err;
}
