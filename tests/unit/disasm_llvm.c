/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * insn_line() prints what llvm-objdump-19 -d --mcpu=v4 prints, raw bytes included, for every
 * instruction that llvm-19 knows (load-acquire and store-release came with 20).
 */
#include "isa.h"
#include "tap.h"

#include <string.h>
#include <unistd.h>

enum { MAX = 8192 };
static struct bpf_insn raw[2 * MAX];
static struct insn insns[2 * MAX];
static char dir[] = "/tmp/skep-disasm-XXXXXX";

static u32 generate(void)
{
	u32 count = 0;

	for (enum op op = OP_WIDE_HIGH + 1; op < OP_COUNT; op++) {
		struct insn insn;

		if (op_info[op].format == FORMAT_LOAD_ACQ || op_info[op].format == FORMAT_STORE_REL)
			continue;
		for (u32 n = 0; isa_case(op, n, &insn) && count < MAX; n++)
			count += insn_encode(&insn, &raw[count]);
	}
	insn_decode(raw, count, insns);
	return count;
}

static int assemble(u32 count)
{
	char path[64], command[256];
	const u8 *bytes = (const u8 *)raw;
	FILE *file;

	snprintf(path, sizeof(path), "%s/t.s", dir);
	file = fopen(path, "w");
	if (!file)
		return -1;
	fprintf(file, "main:\n");
	for (u32 i = 0; i < count * 8; i++)
		fprintf(file, ".byte %u\n", bytes[i]);
	fclose(file);
	snprintf(command, sizeof(command), "clang-19 -target bpf -mcpu=v4 -c %s/t.s -o %s/t.o", dir,
		 dir);
	return system(command);
}

static const char *target(void *arg, s64 index, char *scratch, size_t size)
{
	(void)arg;
	snprintf(scratch, size, index ? "main+0x%llx" : "main", (unsigned long long)index * 8);
	return scratch;
}

/* Compares each line of the listing that begins with an index. */
static void compare(FILE *listing, u32 count)
{
	struct disasm_names names = { .target = target };
	char theirs[512], ours[512];
	u32 seen = 0, differ = 0, shown = 0;

	while (fgets(theirs, sizeof(theirs), listing)) {
		u32 index;

		if (!strstr(theirs, ":\t") || sscanf(theirs, "%u", &index) != 1 || index >= count)
			continue;
		theirs[strcspn(theirs, "\n")] = 0;
		insn_line(&insns[index], &raw[index], index, &names, ours, sizeof(ours));
		seen += insn_is_wide(&insns[index]) ? 2 : 1;
		if (strcmp(ours, theirs) && ++differ && shown++ < 20)
			printf("# %s\n# llvm: %s\n# ours: %s\n", op_info[insns[index].op].name,
			       theirs, ours);
	}
	is(seen, count, "llvm-objdump listed every slot");
	is(differ, 0, "every line is the same");
}

int main(void)
{
	char command[256];
	u32 count = generate();
	FILE *listing;

	if (system("command -v clang-19 llvm-objdump-19 >/dev/null 2>&1")) {
		skip("no clang-19 and llvm-objdump-19");
		return done();
	}
	if (!mkdtemp(dir) || !ok(assemble(count) == 0, "clang-19 assembles %u slots", count))
		return done();
	snprintf(command, sizeof(command), "llvm-objdump-19 -d --mcpu=v4 %s/t.o", dir);
	listing = popen(command, "r");
	if (listing)
		compare(listing, count);
	ok(listing && pclose(listing) == 0, "llvm-objdump-19 ran");
	snprintf(command, sizeof(command), "rm -r %s", dir);
	ok(system(command) == 0, "cleaned up");
	return done();
}
