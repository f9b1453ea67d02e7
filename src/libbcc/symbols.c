// SPDX-License-Identifier: BSD-2-Clause
/*
 * Kernel symbols, from /proc/kallsyms, read when first asked for: BPF.ksym(), BPF.ksymname() and the
 * syscall prefix that BPF.get_syscall_fnname() looks for. Addresses may be hidden (all 0): names are
 * found all the same.
 *
 * A cache for a process (a pid of 0 or more) is process.c's.
 */
#include "libbcc/symbols.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "event/names.h"
#include "libbcc/attach.h"
#include "libbcc/libbcc.h"

struct symbol {
	u64 address;
	u32 name, module; /* offsets in text; module 0: the kernel itself */
};

static struct {
	bool read;
	struct symbol *symbol; /* by address */
	size_t count, room;
	char *text;
	size_t text_len, text_room;
	bool hidden; /* no address is known */
} kernel;

/* ---- reading ---- */

static u32 keep_text(const char *text)
{
	size_t len = strlen(text) + 1, room = kernel.text_room ? kernel.text_room : 1 << 20;
	char *grown;

	while (room - kernel.text_len < len)
		room *= 2;
	if (room != kernel.text_room) {
		grown = realloc(kernel.text, room);
		if (!grown)
			return 0;
		kernel.text = grown;
		kernel.text_room = room;
	}
	memcpy(kernel.text + kernel.text_len, text, len);
	kernel.text_len += len;
	return (u32)(kernel.text_len - len);
}

static bool keep_symbol(u64 address, const char *name, const char *module)
{
	if (kernel.count == kernel.room) {
		size_t room = kernel.room ? kernel.room * 2 : 1 << 16;
		struct symbol *grown = reallocarray(kernel.symbol, room, sizeof(*grown));

		if (!grown)
			return false;
		kernel.symbol = grown;
		kernel.room = room;
	}
	kernel.symbol[kernel.count++] =
		(struct symbol){ address, keep_text(name), module ? keep_text(module) : 0 };
	return true;
}

static int by_address(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	return x->address < y->address ? -1 : x->address > y->address;
}

static void read_kernel(void)
{
	char line[1024], name[512], module[128], type;
	FILE *file = kernel.read ? NULL : fopen("/proc/kallsyms", "re");
	unsigned long long address, any = 0;
	int n;

	kernel.read = true;
	if (!file)
		return;
	keep_text("kernel");
	while (fgets(line, sizeof(line), file)) {
		n = sscanf(line, "%llx %c %511s [%127[^]]", &address, &type, name, module);
		if (n < 3 || strchr("dDbBrRaA", type) ||
		    !keep_symbol(address, name, n > 3 ? module : NULL))
			continue;
		any |= address;
	}
	fclose(file);
	kernel.hidden = !any;
	qsort(kernel.symbol, kernel.count, sizeof(*kernel.symbol), by_address);
}

/* ---- asking ---- */

int kernel_resolve(u64 address, struct bcc_symbol *out)
{
	size_t low = 0, high;

	read_kernel();
	if (kernel.hidden || !kernel.count)
		return -1;
	for (high = kernel.count; high - low > 1;) {
		size_t middle = (low + high) / 2;

		*(kernel.symbol[middle].address <= address ? &low : &high) = middle;
	}
	if (kernel.symbol[low].address > address)
		return -1;
	out->name = out->demangled = kernel.text + kernel.symbol[low].name;
	out->module = kernel.text + kernel.symbol[low].module;
	out->offset = address - kernel.symbol[low].address;
	return 0;
}

/*
 * BPF.get_syscall_prefix() asks for "PREFIXbpf" with every prefix it knows. Since Linux 4.17 an architecture has
 * one prefix; that is said without reading 10 MB of symbols. 1 yes, 0 no, -1 look it up.
 */
static int known_prefix(const char *name)
{
	static const char *const prefixes[] = {
		"sys_",		"__x64_sys_",	"__x32_compat_sys_", "__ia32_compat_sys_",
		"__arm64_sys_", "__s390x_sys_", "__s390_sys_"
	};
	struct utsname machine;
	const char *own = "";
	int major = 0, minor = 0;

	if (uname(&machine) || sscanf(machine.release, "%d.%d", &major, &minor) != 2 ||
	    major * 1000 + minor < 4017)
		return -1;
	if (!strcmp(machine.machine, "x86_64"))
		own = "__x64_sys_";
	else if (!strcmp(machine.machine, "aarch64"))
		own = "__arm64_sys_";
	else
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (!strncmp(name, prefixes[i], strlen(prefixes[i])) &&
		    !strcmp(name + strlen(prefixes[i]), "bpf"))
			return !strcmp(prefixes[i], own);
	return -1;
}

/*
 * Programs ask for symbols to learn what may be attached. With skep's answer that is every system call's function, and no
 * fentry or LSM program. True: it may not.
 */
static bool not_offered(const char *name)
{
	const char *function = strncmp(name, "__x64_sys_", 10) ? NULL : name + 10;

	if (!answer_is_skep())
		return false;
	return !strcmp(name, "bpf_trampoline_link_prog") || !strcmp(name, "bpf_lsm_bpf") ||
	       (function && !is_syscall(function));
}

int kernel_resolve_name(const char *name, u64 *address)
{
	int known = not_offered(name) ? 0 : known_prefix(name);

	*address = 0;
	if (known >= 0)
		return known ? 0 : -1;
	read_kernel();
	for (size_t i = 0; i < kernel.count; i++)
		if (!strcmp(kernel.text + kernel.symbol[i].name, name)) {
			*address = kernel.symbol[i].address;
			return 0;
		}
	return -1;
}

ABI int bcc_procutils_each_ksym(void (*callback)(const char *name, const char *module, u64 address,
						 void *arg),
				void *arg)
{
	read_kernel();
	if (!callback || !kernel.count)
		return -1;
	for (size_t i = 0; i < kernel.count; i++)
		callback(kernel.text + kernel.symbol[i].name, kernel.text + kernel.symbol[i].module,
			 kernel.symbol[i].address, arg);
	return 0;
}

void symbols_suggest(const char *name)
{
	const char **names;

	read_kernel();
	names = calloc(kernel.count + 1, sizeof(*names));
	for (size_t i = 0; names && i < kernel.count; i++)
		names[i] = kernel.text + kernel.symbol[i].name;
	if (names)
		names_suggest(&to_stderr, name, "", names, kernel.count);
	free(names);
}

/* ---- the ABI: a cache is the kernel's or a process's ---- */

struct symcache {
	struct process *process; /* NULL: the kernel's */
};

ABI void *bcc_symcache_new(int pid, void *option)
{
	struct symcache *cache = calloc(1, sizeof(*cache));

	(void)option;
	if (cache && pid >= 0)
		cache->process = process_open(pid);
	return cache;
}

ABI void bcc_free_symcache(struct symcache *cache, int pid)
{
	(void)pid;
	if (cache)
		process_close(cache->process);
	free(cache);
}

ABI int bcc_symcache_resolve(struct symcache *cache, u64 address, struct bcc_symbol *out)
{
	*out = (struct bcc_symbol){ .offset = 0 };
	if (!cache)
		return -1;
	return cache->process ? process_resolve(cache->process, address, out)
			      : kernel_resolve(address, out);
}

ABI int bcc_symcache_resolve_no_demangle(struct symcache *cache, u64 address,
					 struct bcc_symbol *out)
{
	return bcc_symcache_resolve(cache, address, out);
}

/* Names are handed out as they are kept: nothing is demangled, nothing to free. */
ABI void bcc_symbol_free_demangle_name(struct bcc_symbol *symbol)
{
	(void)symbol;
}

ABI int bcc_symcache_resolve_name(struct symcache *cache, const char *module, const char *name,
				  u64 *address)
{
	if (!cache || !name)
		return -1;
	return cache->process ? process_resolve_name(cache->process, module, name, address)
			      : kernel_resolve_name(name, address);
}

ABI void bcc_symcache_refresh(struct symcache *cache)
{
	if (cache && cache->process)
		process_refresh(cache->process);
}
