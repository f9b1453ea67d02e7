/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * btf_struct_access() against the running kernel: a program on sched_switch loads from every offset of
 * the task_struct it is given, in every size; what the kernel makes of the load, or why it refuses, must
 * be what the walk says. And what btf.h answers of the system's BTF.
 */
#include "kernel.h"

#include "def/reg.h"
#include "tap.h"

static char said[512];

static void keep(void *arg, const char *text, size_t len)
{
	(void)arg;
	strncat(said, text, min(len, sizeof(said) - strlen(said) - 1));
}

static const u32 size_code[] = { [1] = BPF_B, [2] = BPF_H, [4] = BPF_W, [8] = BPF_DW };

/* What the kernel's log has for the loaded value, "R2_w=" or "R2=" skipped; "" if it was refused. */
static const char *kernel_value(const struct hook *h, s32 off, u32 size)
{
	const struct bpf_insn insns[] = { INSN(BPF_LDX | BPF_MEM | BPF_DW, 1, 1, 8, 0),
					  INSN(BPF_LDX | BPF_MEM | size_code[size], 2, 1, off, 0),
					  MOV_IMM(0, 0), EXIT() };
	const char *at;

	if (kernel_try(h, insns, 4, 2))
		return "";
	at = strstr(kernel_log, "\n1: (");
	at = at ? strstr(at, "R2") : NULL;
	return at && strchr(at, '=') ? strchr(at, '=') + 1 : "?";
}

static bool same(const struct btf *btf, int err, const struct btf_walk *w, const char *kernel)
{
	const char *name;

	if (err) {
		said[strcspn(said, "\n")] = 0;
		return !*kernel && strstr(kernel_log, said);
	}
	switch (w->kind) {
	case BTF_WALK_SCALAR: return !strncmp(kernel, "scalar(", 7);
	case BTF_WALK_PTR_UNTRUSTED: return !strncmp(kernel, "rdonly_untrusted_mem(", 21);
	case BTF_WALK_PTR:
		name = strstr(kernel, "ptr_");
		return name &&
		       !strncmp(name + 4, btf_name(btf, w->type), strlen(btf_name(btf, w->type))) &&
		       !strncmp(kernel, "user", 4) == !!(w->flags & MEM_USER);
	default: return false;
	}
}

static void walk_task(const struct btf *btf, const struct hook *h)
{
	s32 id = btf_find(btf, "task_struct", BTF_KIND_STRUCT);
	u32 wrong = 0, asked = 0, end = (u32)btf_size(btf, id), pointers = 0;

	for (u32 off = 0; off < end + 16; off += off % 64 < 40 ? 1 : 3)
		for (u32 size = 1; size <= 8; size *= 2) {
			struct btf_walk w = { 0 };
			const char *kernel = kernel_value(h, (s32)off, size);
			int err;

			said[0] = 0;
			err = btf_struct_access(btf, (u32)id, off, size, &w,
						&(struct log){ keep, NULL });
			asked++;
			pointers += !err && w.kind == BTF_WALK_PTR;
			if (same(btf, err, &w, kernel))
				continue;
			if (wrong++ < 10)
				printf("# %u bytes at %u: %d kind %u %s '%s', kernel %.40s %.100s\n",
				       size, off, err, w.kind, err ? "" : btf_name(btf, w.type),
				       said, kernel,
				       *kernel ? ""
				       : strstr(kernel_log, "\n1: (")
					       ? strchr(strstr(kernel_log, "\n1: (") + 1, '\n')
					       : "");
		}
	is(wrong, 0, "%u loads from task_struct", asked);
	ok(pointers > 50, "%u of them were pointers to structs", pointers);
}

int main(void)
{
	struct hook h = { .type = BPF_PROG_TYPE_TRACING, .attach = BPF_TRACE_RAW_TP };
	struct btf *btf;
	s32 id;

	if (btf_open(&btf, "/sys/kernel/btf/vmlinux")) {
		skip("no /sys/kernel/btf/vmlinux here");
		return done();
	}
	id = btf_find(btf, "task_struct", BTF_KIND_STRUCT);
	ok(id > 0 && !strcmp(btf_name(btf, (u32)id), "task_struct"), "a struct by name");
	is(btf_find(btf, "task_struct", BTF_KIND_UNION), -ENOENT, "not as another kind");
	is(btf_find(btf, "no such type", BTF_KIND_STRUCT), -ENOENT, "a name there is not");
	for (u32 i = 0; i < 8; i++) /* past the scans, into the hash */
		id = btf_find(btf, "pid_t", BTF_KIND_TYPEDEF);
	is(btf_size(btf, (u32)id), 4, "size of a typedef");
	is(btf_type_kind(btf_at(btf, btf_resolve(btf, (u32)id))), BTF_KIND_INT,
	   "resolved to an int");
	ok(!btf_at(btf, btf_count(btf)), "no type at the end");
	is(btf_size(btf, 0), -EINVAL, "void has no size");
	h.btf_id = (u32)btf_find(btf, "btf_trace_sched_switch", BTF_KIND_TYPEDEF);
	if (!kernel_permits_bpf() || !*kernel_value(&h, 0, 4))
		skip("programs on sched_switch are not permitted here");
	else
		walk_task(btf, &h);
	btf_free(btf);
	return done();
}
