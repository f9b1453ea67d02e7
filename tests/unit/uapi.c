/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * src/def/uapi.h against the running kernel's BTF: every enumerator's value, every struct's size, every
 * member's offset and size, in both directions. uapi.h's own BTF is made with clang for it.
 */
#include "btf/btf.h"
#include "tap.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { MAX_NAMES = 512, MAX_MEMBERS = 512 };

static char names[MAX_NAMES][64];
static u32 kinds[MAX_NAMES], nr_names;

/* Named structs, unions and enums of the header. */
static bool read_header(const char *path)
{
	FILE *f = fopen(path, "r");
	char line[512];

	if (!f)
		return false;
	while (fgets(line, sizeof(line), f) && nr_names < MAX_NAMES) {
		char kind[8], open[4];

		if (sscanf(line, "%7s %63s %3s", kind, names[nr_names], open) != 3 ||
		    strcmp(open, "{"))
			continue;
		kinds[nr_names] = !strcmp(kind, "struct")  ? BTF_KIND_STRUCT
				  : !strcmp(kind, "union") ? BTF_KIND_UNION
				  : !strcmp(kind, "enum")  ? BTF_KIND_ENUM
							   : 0;
		nr_names += kinds[nr_names] != 0;
	}
	fclose(f);
	return nr_names > 50;
}

/* A translation unit with a function for each, whose argument points to it. */
static int write_unit(const char *path)
{
	FILE *f = fopen(path, "w");

	if (!f)
		return -errno;
	fprintf(f, "#include \"def/uapi.h\"\n");
	for (u32 i = 0; i < nr_names; i++)
		fprintf(f, "void f%u(%s %s *p) {}\n", i,
			kinds[i] == BTF_KIND_STRUCT  ? "struct"
			: kinds[i] == BTF_KIND_UNION ? "union"
						     : "enum",
			names[i]);
	return fclose(f) ? -errno : 0;
}

static struct btf *read_btf(const char *path)
{
	static u8 bytes[1 << 20];
	FILE *f = fopen(path, "r");
	size_t n = f ? fread(bytes, 1, sizeof(bytes), f) : 0;
	const Elf64_Ehdr *e = (const void *)bytes;
	const Elf64_Shdr *s = (const void *)(bytes + e->e_shoff);
	struct btf *btf = NULL;

	if (f)
		fclose(f);
	if (n < sizeof(*e) || e->e_shoff + e->e_shnum * sizeof(*s) > n)
		return NULL;
	for (u32 i = 0; i < e->e_shnum; i++)
		if (!strcmp((char *)bytes + s[e->e_shstrndx].sh_offset + s[i].sh_name, ".BTF"))
			btf_new(&btf, bytes + s[i].sh_offset, s[i].sh_size, NULL, NULL);
	return btf;
}

struct member {
	char path[192];
	u32 bit_off, bits;
	s64 size;
};
struct members {
	struct member at[MAX_MEMBERS];
	u32 count;
};

/* Members with those of anonymous structs and unions in their place. */
static void flatten(const struct btf *btf, const struct btf_type *t, u32 base, const char *prefix,
		    struct members *to)
{
	for (u32 i = 0; i < btf_type_vlen(t); i++) {
		struct btf_field_at m = btf_member_at(btf, t, i);
		const struct btf_type *type = btf_at(btf, btf_resolve(btf, m.type));
		struct member *out;
		char path[192];

		snprintf(path, sizeof(path), "%s%s%s", prefix, *m.name && *prefix ? "." : "",
			 m.name);
		if (btf_type_is_struct(type) && !*btf_string(btf, type->name_off)) {
			flatten(btf, type, base + m.bit_off, path, to);
			continue;
		}
		if (to->count == MAX_MEMBERS)
			return;
		out = &to->at[to->count++];
		snprintf(out->path, sizeof(out->path), "%s", path);
		out->bit_off = base + m.bit_off;
		out->bits = m.bits;
		out->size = btf_size(btf, m.type);
	}
}

static const struct member *find(const struct members *in, const char *path)
{
	for (u32 i = 0; i < in->count; i++)
		if (!strcmp(in->at[i].path, path))
			return &in->at[i];
	return NULL;
}

static u32 compare_struct(const struct btf *ours, const struct btf_type *a,
			  const struct btf *theirs, const struct btf_type *b, const char *name)
{
	static struct members x, y;
	u32 wrong = a->size != b->size;

	if (wrong)
		printf("# %s: %u bytes, the kernel's %u\n", name, a->size, b->size);
	x.count = y.count = 0;
	flatten(ours, a, 0, "", &x);
	flatten(theirs, b, 0, "", &y);
	for (u32 i = 0; i < y.count; i++) {
		const struct member *want = &y.at[i], *got = find(&x, want->path);

		if (!*want->path || (got && got->bit_off == want->bit_off &&
				     got->size == want->size && got->bits == want->bits))
			continue;
		printf("# %s.%s: %s\n", name, want->path,
		       got ? "is elsewhere or of another size" : "is missing");
		wrong++;
	}
	for (u32 i = 0; i < x.count; i++)
		if (*x.at[i].path && !find(&y, x.at[i].path)) {
			printf("# %s.%s: the kernel has none\n", name, x.at[i].path);
			wrong++;
		}
	return wrong;
}

static u32 compare_enum(const struct btf *ours, const struct btf_type *a, const struct btf *theirs,
			const struct btf_type *b, const char *name)
{
	const struct btf_enum *x = btf_tail(a, btf_enum), *y = btf_tail(b, btf_enum);
	u32 wrong = 0;

	for (u32 i = 0; i < btf_type_vlen(b); i++) {
		const char *want = btf_string(theirs, y[i].name_off);
		u32 j = 0;

		while (j < btf_type_vlen(a) && strcmp(btf_string(ours, x[j].name_off), want))
			j++;
		if (j < btf_type_vlen(a) && x[j].val == y[i].val)
			continue;
		printf("# enum %s: %s is %s\n", name, want,
		       j < btf_type_vlen(a) ? "another number" : "missing");
		wrong++;
	}
	return wrong;
}

int main(void)
{
	char dir[] = "/tmp/skep-uapi.XXXXXX", path[64], object[64], command[512];
	struct btf *ours, *theirs;
	u32 compared = 0, wrong = 0;

	if (!ok(read_header("src/def/uapi.h"), "uapi.h has structs and enums") || !mkdtemp(dir))
		return done();
	if (btf_open(&theirs, "/sys/kernel/btf/vmlinux")) {
		skip("no /sys/kernel/btf/vmlinux here");
		rmdir(dir);
		return done();
	}
	snprintf(path, sizeof(path), "%s/u.c", dir);
	snprintf(object, sizeof(object), "%s/u.o", dir);
	write_unit(path);
	snprintf(
		command, sizeof(command),
		"for c in clang clang-19 clang-16 clang-14; do command -v $c >/dev/null && "
		"exec $c -w -target bpf -g -O2 -Isrc -I/usr/include/$(uname -m)-linux-gnu -c %s -o %s; done; exit 1",
		path, object);
	if (system(command)) {
		skip("no clang that makes BTF of uapi.h");
	} else {
		ours = read_btf(object);
		ok(ours != NULL, "its BTF");
		for (u32 i = 0; ours && i < nr_names; i++) {
			s32 a = btf_find(ours, names[i], kinds[i]),
			    b = btf_find(theirs, names[i], kinds[i]);

			if (a < 0)
				printf("# %s is not in our BTF\n", names[i]);
			if (a < 0 || b < 0)
				continue;
			compared++;
			wrong += (kinds[i] == BTF_KIND_ENUM ? compare_enum : compare_struct)(
				ours, btf_at(ours, a), theirs, btf_at(theirs, b), names[i]);
		}
		ok(compared > 60, "%u of %u are in the kernel's BTF", compared, nr_names);
		is(wrong, 0, "values, sizes and offsets");
		btf_free(ours);
	}
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	btf_free(theirs);
	return system(command) ? 1 : done();
}
