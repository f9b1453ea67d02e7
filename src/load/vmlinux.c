// SPDX-License-Identifier: BSD-2-Clause
/*
 * libbpf prints BTF as C; this puts the attribute around it and renames what the program has names for.
 * A type that bcc.h makes as well is left out there, not here.
 */
#include "load/vmlinux.h"

#include <bpf/btf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "util/sha256.h"

static const char kernel_btf[] = "/sys/kernel/btf/vmlinux";

void vmlinux_id(char id[VMLINUX_ID_MAX])
{
	unsigned char notes[VMLINUX_ID_MAX / 2 - 1];
	FILE *file = fopen("/sys/kernel/notes", "re");
	size_t n = file ? fread(notes, 1, sizeof(notes), file) : 0;
	struct utsname name;

	if (file)
		fclose(file);
	id[0] = 0;
	for (size_t i = 0; i < n; i++)
		sprintf(id + 2 * i, "%02x", notes[i]);
	if (!n && !uname(&name))
		snprintf(id, VMLINUX_ID_MAX, "%.120s %.120s", name.release, name.version);
}

__attribute__((format(printf, 2, 0))) static void print(void *out, const char *fmt, va_list ap)
{
	vfprintf(out, fmt, ap);
}

static int dump(const struct btf *btf, FILE *out)
{
	struct btf_dump *d = btf_dump__new(btf, print, out, NULL);
	int err = d ? 0 : -errno;

	for (unsigned int id = 1; !err && id < btf__type_cnt(btf); id++)
		err = btf_dump__dump_type(d, id);
	btf_dump__free(d);
	return err;
}

static bool is_word(char c)
{
	return c == '_' || (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
}

/* Whether text at this place is name as the tag of a type. */
static bool is_tag(const char *text, const char *at, size_t len)
{
	return !is_word(at[len]) && ((at - text >= 7 && !memcmp(at - 7, "struct ", 7)) ||
				     (at - text >= 6 && !memcmp(at - 6, "union ", 6)) ||
				     (at - text >= 5 && !memcmp(at - 5, "enum ", 5)));
}

/* name, len bytes of it, becomes name___kernel where it is a tag. */
static int rename_tag(char **text, size_t *size, const char *name, size_t len)
{
	char word[128], *out, *from = *text, *at = from;
	size_t out_len;
	FILE *file;

	if (len >= sizeof(word))
		return 0;
	memcpy(word, name, len);
	word[len] = 0;
	file = open_memstream(&out, &out_len);
	if (!file)
		return -ENOMEM;
	while ((at = strstr(at, word))) {
		at += len;
		if (!is_tag(*text, at - len, len))
			continue;
		fwrite(from, 1, (size_t)(at - from), file);
		fputs("___kernel", file);
		from = at;
	}
	fputs(from, file);
	if (fclose(file))
		return -ENOMEM;
	free(*text);
	*text = out;
	*size = out_len;
	return 0;
}

static int rename_tags(const struct btf *btf, const char *taken, char **text, size_t *len)
{
	int err = 0;

	for (const char *end; !err && (end = strchr(taken, '\n')); taken = end + 1) {
		size_t n = (size_t)(end - taken);
		char name[128];

		if (n >= sizeof(name))
			continue;
		memcpy(name, taken, n);
		name[n] = 0;
		if (btf__find_by_name_kind(btf, name, BTF_KIND_STRUCT) > 0 ||
		    btf__find_by_name_kind(btf, name, BTF_KIND_UNION) > 0 ||
		    btf__find_by_name_kind(btf, name, BTF_KIND_ENUM) > 0)
			err = rename_tag(text, len, name, n);
	}
	return err;
}

int vmlinux_text(const char *taken, char **text, size_t *len, struct log *log)
{
	struct btf *btf = btf__parse(kernel_btf, NULL);
	FILE *out;
	int err;

	if (!btf)
		return fail(log, -errno, "%s: %s: the kernel's types are not known here",
			    kernel_btf, strerror(errno));
	out = open_memstream(text, len);
	if (out) {
		fputs("#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)\n",
		      out);
		err = dump(btf, out);
		fputs("#pragma clang attribute pop\n", out);
		if (fclose(out))
			err = -ENOMEM;
		if (!err)
			err = rename_tags(btf, taken, text, len);
		if (err)
			free(*text);
	} else {
		err = -ENOMEM;
	}
	btf__free(btf);
	return err ? fail(log, err, "%s: %s", kernel_btf, strerror(-err)) : 0;
}

int vmlinux_folder(char folder[CACHE_PATH])
{
	char id[VMLINUX_ID_MAX + sizeof(SKEP_VERSION)], name[32];
	u8 hash[32];

	vmlinux_id(id);
	strcat(id, SKEP_VERSION);
	sha256(hash, id, strlen(id));
	snprintf(name, sizeof(name), "vmlinux-%02x%02x%02x%02x%02x%02x", hash[0], hash[1], hash[2],
		 hash[3], hash[4], hash[5]);
	return cache_path(name, folder);
}

int vmlinux_write(const char *folder)
{
	static const char guard[] = "#ifndef __VMLINUX_H__\n#define __VMLINUX_H__\n\n",
			  end[] = "\n#endif\n";
	char path[CACHE_PATH + 16], *text, *file;
	size_t len;
	struct stat st;
	int err;

	snprintf(path, sizeof(path), "%s/vmlinux.h", folder);
	if (!lstat(path, &st) && S_ISREG(st.st_mode) && st.st_uid == geteuid() && st.st_size)
		return 0;
	err = vmlinux_text("", &text, &len, NULL);
	if (err)
		return err;
	if (asprintf(&file, "%s%s%s", guard, text, end) < 0)
		file = NULL;
	err = file ? cache_write(path, file, strlen(file)) : -ENOMEM;
	free(file);
	free(text);
	return err;
}
