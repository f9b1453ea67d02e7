/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Special fields of map values: what btf_special_fields() finds, and that BTF whose locks, list heads or
 * kernel pointers are out of order is refused as the running kernel refuses it.
 */
#include "btf/btf.h"
#include "def/uapi.h"
#include "linux_bpf.h"
#include "tap.h"

#include <string.h>
#include <unistd.h>

static u32 words[1024], nr_words, nr_types;
static char strings[1024];
static u32 strings_len;
static u32 t_int, t_lock, t_res_lock, t_timer, t_head, t_refcount;
static bool oracle;

static u32 str(const char *s)
{
	u32 at = strings_len;

	if (!*s)
		return 0;
	strcpy(strings + at, s);
	strings_len += strlen(s) + 1;
	return at;
}

static u32 type(const char *name, u32 kind, u32 vlen, u32 size)
{
	words[nr_words++] = str(name);
	words[nr_words++] = kind << 24 | vlen;
	words[nr_words++] = size;
	return ++nr_types;
}

static void member(const char *name, u32 id, u32 byte)
{
	words[nr_words++] = str(name);
	words[nr_words++] = id;
	words[nr_words++] = byte * 8;
}

static u32 array(u32 of, u32 n)
{
	u32 id = type("", BTF_KIND_ARRAY, 0, 0);

	words[nr_words++] = of;
	words[nr_words++] = t_int;
	words[nr_words++] = n;
	return id;
}

static u32 opaque(const char *name, u32 of, u32 size)
{
	u32 id = type(name, BTF_KIND_STRUCT, 1, size);

	member("v", of, 0);
	return id;
}

static u32 kptr(const char *tag)
{
	u32 to = type("task_struct", BTF_KIND_STRUCT, 0, 0);

	return type("", BTF_KIND_PTR, 0, type(tag, BTF_KIND_TYPE_TAG, 0, to));
}

static void begin(void)
{
	u32 wide, pair;

	nr_words = nr_types = 0;
	memset(strings, 0, sizeof(strings));
	strings_len = 1;
	t_int = type("int", BTF_KIND_INT, 0, 4);
	words[nr_words++] = BTF_INT_SIGNED << 24 | 32;
	wide = type("wide", BTF_KIND_INT, 0, 8);
	words[nr_words++] = 64;
	pair = array(wide, 2);
	t_lock = opaque("bpf_spin_lock", t_int, 4);
	t_res_lock = opaque("bpf_res_spin_lock", t_int, 4);
	t_timer = opaque("bpf_timer", pair, 16);
	t_head = opaque("bpf_list_head", pair, 16);
	t_refcount = opaque("bpf_refcount", t_int, 4);
}

/* A struct of one int and up to two more members. */
static u32 value(u32 a, u32 a_off, u32 b, u32 b_off, u32 size)
{
	u32 id = type("value", BTF_KIND_STRUCT, b ? 3 : 2, size);

	member("n", t_int, 0);
	member("a", a, a_off);
	if (b)
		member("b", b, b_off);
	return id;
}

static int kernel_load(const u8 *bytes, u32 len)
{
	union bpf_attr attr;
	int fd;

	memset(&attr, 0, sizeof(attr));
	attr.btf = (uintptr_t)bytes;
	attr.btf_size = len;
	fd = linux_bpf(BPF_BTF_LOAD, &attr, sizeof(attr));
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

/* Loads what was built; want: fields of type id, or the error of one of the two steps. */
static void check(const char *what, u32 id, int want_load, int want_fields, u32 first_off)
{
	static u8 bytes[8192];
	struct btf_header h = { .magic = BTF_MAGIC,
				.version = 1,
				.hdr_len = sizeof(h),
				.type_len = nr_words * 4,
				.str_off = nr_words * 4,
				.str_len = strings_len };
	struct btf_special_field fields[BTF_MAX_FIELDS];
	u32 len = sizeof(h) + h.type_len + h.str_len;
	struct btf *btf;
	int err;

	memcpy(bytes, &h, sizeof(h));
	memcpy(bytes + sizeof(h), words, h.type_len);
	memcpy(bytes + sizeof(h) + h.type_len, strings, h.str_len);
	err = btf_new(&btf, bytes, len, NULL, NULL);
	is(err, want_load, "%s: BTF", what);
	if (oracle)
		is(kernel_load(bytes, len), err, "%s: as the kernel", what);
	if (err)
		return;
	if (is(btf_special_fields(btf, id, fields), want_fields, "%s: fields", what) &&
	    want_fields > 0)
		is(fields[0].off, first_off, "%s: where", what);
	btf_free(btf);
}

int main(void)
{
	u32 in;

	begin();
	oracle = kernel_load((const u8 *)"", 0) != -EPERM;
	if (!oracle)
		printf("# BPF_BTF_LOAD is not permitted: the kernel is not asked\n");
	check("a lock", value(t_lock, 4, 0, 0, 8), 0, 1, 4);
	begin();
	check("two locks", value(t_lock, 4, t_lock, 8, 12), -E2BIG, 0, 0);
	begin();
	check("a lock of each kind", value(t_lock, 4, t_res_lock, 8, 12), -EINVAL, 0, 0);
	begin();
	in = opaque("inner", t_lock, 4);
	check("a lock in a struct", value(in, 4, 0, 0, 8), 0, 1, 4);
	begin();
	in = type("inner", BTF_KIND_UNION, 1, 4);
	member("l", t_lock, 0);
	check("a lock in a union is none", value(in, 4, 0, 0, 8), 0, 0, 0);
	begin();
	check("a timer and a lock", value(t_lock, 4, t_timer, 8, 24), 0, 2, 4);
	begin();
	check("a timer on 4 bytes is none", value(t_timer, 4, 0, 0, 24), 0, 0, 0);
	begin();
	check("two timers", value(t_timer, 8, t_timer, 24, 40), 0, -E2BIG, 0);
	begin();
	check("a list head that does not say of what", value(t_head, 8, 0, 0, 24), -EINVAL, 0, 0);
	begin();
	check("a refcount", value(t_refcount, 4, 0, 0, 8), 0, 1, 4);
	begin();
	check("a kernel pointer", value(kptr("kptr"), 8, 0, 0, 16), 0, 1, 8);
	begin();
	check("a kernel pointer on 4 bytes", value(kptr("kptr"), 4, 0, 0, 16), -EFAULT, 0, 0);
	begin();
	check("eleven of them", value(array(kptr("kptr_untrusted"), 11), 8, 0, 0, 96), 0, 11, 8);
	begin();
	check("twelve are too many", value(array(kptr("kptr"), 12), 8, 0, 0, 104), 0, -E2BIG, 0);
	begin();
	check("a pointer with another tag", value(kptr("user"), 8, 0, 0, 16), 0, 0, 0);
	return done();
}
