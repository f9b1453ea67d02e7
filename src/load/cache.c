// SPDX-License-Identifier: BSD-2-Clause
/*
 * An entry is text, then the object:
 *
 *	skep object 1
 *	compiler ID
 *	read SHA256 SIZE MTIME PATH		one line for each file it was made from
 *	object SHA256 SIZE
 *	…SIZE bytes
 *
 * A file whose size and time are as recorded is taken as unchanged; otherwise its contents decide.
 */
#include "load/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/sha256.h"

enum { ENTRY_MAX = 64 << 20, PATH_ROOM = CACHE_PATH, HEX = 65 };

static const char first_line[] = "skep object 1\n";

/* ---- where ---- */

static int make_folders(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		if (mkdir(path, 0700) && errno != EEXIST) {
			*slash = '/';
			return -errno;
		}
		*slash = '/';
	}
	return 0;
}

static void to_hex(char hex[HEX], const u8 hash[32])
{
	for (int i = 0; i < 32; i++)
		sprintf(hex + 2 * i, "%02x", hash[i]);
}

int cache_path(const char *name, char path[CACHE_PATH])
{
	const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	int n;

	if (base && base[0] == '/')
		n = snprintf(path, CACHE_PATH, "%s/skep/%s", base, name);
	else if (home && home[0] == '/')
		n = snprintf(path, CACHE_PATH, "%s/.cache/skep/%s", home, name);
	else
		return -ENOENT;
	return n < CACHE_PATH ? 0 : -ENAMETOOLONG;
}

static int entry_path(const struct cache_key *key, char path[PATH_ROOM])
{
	char name[HEX + sizeof(".bpf.o")];

	to_hex(name, key->hash);
	strcat(name, ".bpf.o");
	return cache_path(name, path);
}

/* ---- files ---- */

/* A regular file's contents, NUL-terminated; only the user's own where own is set. */
static int read_file(const char *path, bool own, char **out, size_t *out_len, struct stat *st)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | (own ? O_NOFOLLOW : 0));
	size_t len = 0;
	int err = 0;

	*out = NULL;
	if (fd < 0)
		return -errno;
	if (fstat(fd, st) || !S_ISREG(st->st_mode) || st->st_size > ENTRY_MAX ||
	    (own && st->st_uid != geteuid()))
		err = -EINVAL;
	if (!err && !(*out = malloc((size_t)st->st_size + 1)))
		err = -ENOMEM;
	while (!err && len < (size_t)st->st_size) {
		ssize_t n = read(fd, *out + len, (size_t)st->st_size - len);

		if (n <= 0)
			break;
		len += (size_t)n;
	}
	close(fd);
	if (!err)
		(*out)[len] = 0;
	*out_len = len;
	return err;
}

static int hash_file(const char *path, char hex[HEX], struct stat *st)
{
	u8 hash[32];
	char *text;
	size_t len;
	int err = read_file(path, false, &text, &len, st);

	if (err)
		return err;
	sha256(hash, text, len);
	to_hex(hex, hash);
	free(text);
	return 0;
}

static u64 time_of(const struct stat *st)
{
	return (u64)st->st_mtim.tv_sec * 1000000000ull + (u64)st->st_mtim.tv_nsec;
}

/* ---- reading an entry ---- */

/* The line at *at, without its end; *at moves on. NULL where there is none. */
static char *next_line(char **at, char *end)
{
	char *line = *at, *stop = line < end ? memchr(line, '\n', (size_t)(end - line)) : NULL;

	if (!stop)
		return NULL;
	*stop = 0;
	*at = stop + 1;
	return line;
}

static bool unchanged(const char *line)
{
	char want[HEX], have[HEX];
	u64 size, mtime;
	struct stat st;
	int at = 0;

	if (sscanf(line, "read %64[0-9a-f] %" SCNu64 " %" SCNu64 " %n", want, &size, &mtime, &at) !=
		    3 ||
	    !at || stat(line + at, &st))
		return false;
	if ((u64)st.st_size == size && time_of(&st) == mtime)
		return true;
	return !hash_file(line + at, have, &st) && !strcmp(want, have);
}

static int take_object(const char *line, const char *at, const char *end, void **object,
		       size_t *size)
{
	char want[HEX], have[HEX];
	u8 hash[32];
	u64 len;

	if (sscanf(line, "object %64[0-9a-f] %" SCNu64, want, &len) != 2 || len != (u64)(end - at))
		return -ENOENT;
	sha256(hash, at, len);
	to_hex(have, hash);
	if (strcmp(want, have))
		return -ENOENT;
	*object = malloc(len + 1);
	if (!*object)
		return -ENOMEM;
	memcpy(*object, at, len);
	*size = len;
	return 0;
}

static int parse(char *at, char *end, const char *compiler, void **object, size_t *size)
{
	char *line = next_line(&at, end);

	if (!line || strlen(line) + 1 != strlen(first_line) ||
	    memcmp(line, first_line, strlen(line)))
		return -ENOENT;
	line = next_line(&at, end);
	if (!line || strncmp(line, "compiler ", 9) || (compiler && strcmp(line + 9, compiler)))
		return -ENOENT;
	while ((line = next_line(&at, end))) {
		if (!strncmp(line, "object ", 7))
			return take_object(line, at, end, object, size);
		if (!unchanged(line))
			return -ENOENT;
	}
	return -ENOENT;
}

int cache_get(const struct cache_key *key, const char *compiler, void **object, size_t *size)
{
	char path[PATH_ROOM], *text;
	struct stat st;
	size_t len;
	int err = entry_path(key, path);

	if (err || read_file(path, true, &text, &len, &st)) {
		return -ENOENT;
	}
	err = parse(text, text + len, compiler, object, size);
	free(text);
	return err;
}

/* ---- writing one ---- */

static int put_dependency(FILE *out, const char *path)
{
	char real[PATH_ROOM], hex[HEX];
	struct stat st;
	int err;

	if (!strcmp(path, "-") || !strncmp(path, "skep/", 5))
		return 0;
	if (!realpath(path, real) || strchr(real, '\n'))
		return -EINVAL;
	err = hash_file(real, hex, &st);
	if (!err)
		fprintf(out, "read %s %" PRIu64 " %" PRIu64 " %s\n", hex, (u64)st.st_size,
			time_of(&st), real);
	return err;
}

/* The names after "o:" in a make rule; a backslash keeps a space in a name or continues the line, $$ is one $. */
static int put_dependencies(FILE *out, const char *rule)
{
	const char *at = strchr(rule, ':');
	char path[PATH_ROOM];
	int err = at ? 0 : -EINVAL;

	for (at = at ? at + 1 : ""; *at && !err;) {
		size_t n = 0;

		while (*at == ' ' || *at == '\n' || (*at == '\\' && at[1] == '\n'))
			at++;
		while (*at && *at != ' ' && *at != '\n' && n < sizeof(path) - 1) {
			if ((*at == '\\' && (at[1] == ' ' || at[1] == '#')) ||
			    (*at == '$' && at[1] == '$'))
				at++;
			path[n++] = *at++;
		}
		path[n] = 0;
		if (n)
			err = put_dependency(out, path);
	}
	return err;
}

static int put_entry(FILE *out, const char *compiler, const char *depends, const void *object,
		     size_t size)
{
	char hex[HEX];
	u8 hash[32];
	int err;

	fprintf(out, "%scompiler %s\n", first_line, compiler);
	err = put_dependencies(out, depends);
	sha256(hash, object, size);
	to_hex(hex, hash);
	fprintf(out, "object %s %zu\n", hex, size);
	fwrite(object, 1, size, out);
	return err ? err : ferror(out) ? -EIO : 0;
}

/* A new file beside the one of that path; folders are made. */
static int open_aside(char *path, char aside[PATH_ROOM + 8], FILE **out)
{
	int fd, err = make_folders(path);

	if (err)
		return err;
	snprintf(aside, PATH_ROOM + 8, "%s.XXXXXX", path);
	fd = mkostemp(aside, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*out = fdopen(fd, "w");
	if (*out)
		return 0;
	close(fd);
	unlink(aside);
	return -ENOMEM;
}

/* Closes it, and puts it in its place if all went well so far. */
static int settle(FILE *out, const char *aside, const char *path, int err)
{
	if (fclose(out) && !err)
		err = -EIO;
	if (!err && rename(aside, path))
		err = -errno;
	if (err)
		unlink(aside);
	return err;
}

int cache_put(const struct cache_key *key, const char *compiler, const char *depends,
	      const void *object, size_t size)
{
	char path[PATH_ROOM], aside[PATH_ROOM + 8];
	FILE *out;
	int err = entry_path(key, path);

	if (!err)
		err = open_aside(path, aside, &out);
	if (err)
		return err;
	return settle(out, aside, path, put_entry(out, compiler, depends, object, size));
}

int cache_write(const char *path, const void *bytes, size_t size)
{
	char copy[PATH_ROOM], aside[PATH_ROOM + 8];
	FILE *out;
	int err;

	snprintf(copy, sizeof(copy), "%s", path);
	err = open_aside(copy, aside, &out);
	if (err)
		return err;
	return settle(out, aside, path, fwrite(bytes, 1, size, out) == size ? 0 : -EIO);
}
