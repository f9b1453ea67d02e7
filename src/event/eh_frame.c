/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finding what .eh_frame says about an address, in the memory of the process: by the sorted table of
 * the module's PT_GNU_EH_FRAME; by reading the section from front to back where there is no table
 * (static programs have none).
 *
 * Bounds: HEADERS program headers, ENTRY_MAX bytes of an entry, space->budget entries read in a walk.
 */
#include <elf.h>
#include <string.h>

#include "event/unwind.h"

enum { HEADERS = 64, ENTRY_MAX = 4096, NOTES_MAX = 1024 };

/* Encodings of pointers (LSB 10.5.1). */
enum {
	PE_OMIT = 0xff,
	PE_FORMAT = 0x0f,
	PE_SIGNED = 0x08,
	PE_PCREL = 0x10,
	PE_INDIRECT = 0x80,
	PE_TABLE = 0x3b, /* from the header's start, signed, 4 bytes */
};

struct image {
	u64 bias; /* of addresses in the file */
	Elf64_Phdr headers[HEADERS];
	u32 count;
};

static bool read_image(struct unwind_space *space, const struct unwind_module *module,
		       struct image *image)
{
	Elf64_Ehdr ehdr;

	if (!module->base || !unwind_read(space, &ehdr, module->base, sizeof(ehdr)) ||
	    memcmp(ehdr.e_ident, ELFMAG, SELFMAG) || ehdr.e_ident[EI_CLASS] != ELFCLASS64 ||
	    ehdr.e_machine != EM_X86_64 || ehdr.e_phentsize != sizeof(Elf64_Phdr))
		return false;
	image->count = min((u32)ehdr.e_phnum, (u32)HEADERS);
	if (!unwind_read(space, image->headers, module->base + ehdr.e_phoff,
			 image->count * sizeof(Elf64_Phdr)))
		return false;
	for (u32 i = 0; i < image->count; i++) {
		const Elf64_Phdr *p = &image->headers[i];

		if (p->p_type == PT_LOAD && p->p_offset < 4096) {
			image->bias = module->base - (p->p_vaddr - p->p_offset);
			return true;
		}
	}
	return false;
}

static const Elf64_Phdr *header_of(const struct image *image, u32 type, u32 from)
{
	for (u32 i = from; i < image->count; i++)
		if (image->headers[i].p_type == type)
			return &image->headers[i];
	return NULL;
}

/* A pointer encoded at c, which lies at addr in the process; 0 bytes of PE_OMIT. */
static u64 pointer(struct cursor *c, const u8 *base, u64 addr, u8 encoding)
{
	u64 at = addr + (u64)(c->at - base), value;

	switch (encoding & PE_FORMAT) {
	case 0x00:
	case 0x04:
	case 0x0c: value = cursor_fixed(c, 8); break;
	case 0x01: value = cursor_uleb(c); break;
	case 0x02: value = cursor_fixed(c, 2); break;
	case 0x03: value = cursor_fixed(c, 4); break;
	case 0x09: value = (u64)cursor_sleb(c); break;
	case 0x0a: value = (u64)(s16)cursor_fixed(c, 2); break;
	case 0x0b: value = (u64)(s32)cursor_fixed(c, 4); break;
	default: c->bad = true; return 0;
	}
	if ((encoding & 0x70) == PE_PCREL)
		value += at;
	else if (encoding & 0x70)
		c->bad = true;
	return value;
}

/* An entry's body, after its length, in buf: its size; 0: the end, or none we read. */
static u32 read_entry(struct unwind_space *space, u64 addr, u8 *buf)
{
	u32 len;

	if (!unwind_read(space, &len, addr, 4) || len < 4 || len > ENTRY_MAX ||
	    !unwind_read(space, buf, addr + 4, len))
		return 0;
	return len;
}

struct common {
	u64 at; /* 0: nothing is read */
	u8 bytes[ENTRY_MAX];
	u8 encoding;
	bool has_data; /* augmentation data in entries of it */
};

/* The letters after 'z' in a common entry's augmentation. */
static void read_augmentation(struct cursor *c, const char *letters, const u8 *base, u64 addr,
			      struct common *common, struct cfi_entry *entry)
{
	u64 len = cursor_uleb(c);
	const u8 *after = len <= (u64)(c->end - c->at) ? c->at + len : c->end;

	common->has_data = true;
	for (; *letters && !c->bad; letters++) {
		u8 encoding;

		switch (*letters) {
		case 'R': common->encoding = (u8)cursor_fixed(c, 1); break;
		case 'P':
			encoding = (u8)cursor_fixed(c, 1);
			pointer(c, base, addr, encoding & (u8)~PE_INDIRECT);
			break;
		case 'L': cursor_fixed(c, 1); break;
		case 'S': entry->signal = true; break;
		case 'B': break;
		default: c->bad = true;
		}
	}
	c->at = after;
}

/* The common entry at addr. */
static bool read_common(struct unwind_space *space, u64 addr, struct common *common,
			struct cfi_entry *entry)
{
	u32 len;
	struct cursor c;
	const char *letters;
	u64 version;

	if (common->at == addr)
		return true; /* neighbours share it */
	common->at = 0;
	len = read_entry(space, addr, common->bytes);
	c = (struct cursor){ common->bytes, common->bytes + len, false };
	common->encoding = 0;
	common->has_data = entry->signal = false;
	if (!len || cursor_fixed(&c, 4))
		return false;
	version = cursor_fixed(&c, 1);
	letters = (const char *)c.at;
	while (cursor_fixed(&c, 1))
		;
	entry->code_align = cursor_uleb(&c);
	entry->data_align = cursor_sleb(&c);
	entry->ra = (u32)(version == 1 ? cursor_fixed(&c, 1) : cursor_uleb(&c));
	if (c.bad || (version != 1 && version != 3))
		return false;
	if (letters[0] == 'z')
		read_augmentation(&c, letters + 1, common->bytes, addr + 4, common, entry);
	else if (letters[0])
		return false;
	entry->init = c.at;
	entry->init_end = c.end;
	common->at = c.bad ? 0 : addr;
	return !c.bad;
}

/* A frame's entry, whose body of len bytes is in bytes, and the common one it names. */
static bool read_frame(struct unwind_space *space, u64 addr, const u8 *bytes, u32 len,
		       struct common *common, struct cfi_entry *entry)
{
	struct cursor c = { bytes, bytes + len, false };
	u64 back = cursor_fixed(&c, 4), skip;

	if (!back || !read_common(space, addr + 4 - back, common, entry))
		return false;
	entry->start = pointer(&c, bytes, addr + 4, common->encoding);
	entry->end = entry->start + pointer(&c, bytes, addr + 4, common->encoding & PE_FORMAT);
	skip = common->has_data ? cursor_uleb(&c) : 0;
	if (c.bad || skip > (u64)(c.end - c.at))
		return false;
	entry->code = c.at + skip;
	entry->code_end = c.end;
	return true;
}

/* Two entries and the memory they lie in. */
struct found {
	u8 bytes[ENTRY_MAX];
	struct common common;
	struct cfi_entry entry;
};

static bool is_about(struct unwind_space *space, u64 addr, u64 ip, struct found *found)
{
	u32 len = read_entry(space, addr, found->bytes);

	return len && read_frame(space, addr, found->bytes, len, &found->common, &found->entry) &&
	       ip >= found->entry.start && ip < found->entry.end;
}

/* By the table of count {address, entry} at table, both from header on. */
static bool search(struct unwind_space *space, u64 header, u64 table, u64 count, u64 ip,
		   struct found *found)
{
	u64 low = 0, high = count;
	s32 row[2];

	while (low < high) {
		u64 middle = low + (high - low) / 2;

		if (!unwind_read(space, row, table + middle * sizeof(row), sizeof(row)))
			return false;
		if (header + (u64)(s64)row[0] <= ip)
			low = middle + 1;
		else
			high = middle;
	}
	return low && unwind_read(space, row, table + (low - 1) * sizeof(row), sizeof(row)) &&
	       is_about(space, header + (u64)(s64)row[1], ip, found);
}

/* Entry by entry from addr. */
static bool scan(struct unwind_space *space, u64 addr, u64 size, u64 ip, struct found *found)
{
	u64 end = addr + size;
	u32 head[2];

	for (; addr < end && space->budget; space->budget--) {
		if (!unwind_read(space, head, addr, sizeof(head)) || !head[0] ||
		    head[0] >= 0xfffffff0)
			return false;
		if (head[1] && is_about(space, addr, ip, found))
			return true;
		addr += 4 + (u64)head[0];
	}
	return false;
}

static bool find_by_header(struct unwind_space *space, const struct image *image, u64 ip,
			   struct found *found)
{
	const Elf64_Phdr *p = header_of(image, PT_GNU_EH_FRAME, 0);
	u8 bytes[32];
	struct cursor c = { bytes, bytes + sizeof(bytes), false };
	u64 header, frames, count;

	if (!p)
		return false;
	header = image->bias + p->p_vaddr;
	if (!unwind_read(space, bytes, header, sizeof(bytes)) || bytes[0] != 1)
		return false;
	c.at += 4;
	frames = pointer(&c, bytes, header, bytes[1]);
	if (bytes[2] == PE_OMIT || bytes[3] != PE_TABLE)
		return !c.bad && scan(space, frames, ~frames, ip, found);
	count = pointer(&c, bytes, header, bytes[2]);
	return !c.bad && search(space, header, header + (u64)(c.at - bytes), min(count, 1ull << 32),
				ip, found);
}

enum step eh_frame_step(struct unwind_space *space, struct unwind_regs *regs, bool interrupted,
			u64 *start, bool *signal)
{
	u64 ip = regs->value[REG_IP] - !interrupted, addr, len;
	struct unwind_module module;
	struct image image;
	struct found found;

	found.common.at = 0;
	if (!space->module(space->arg, ip, &module) || !read_image(space, &module, &image))
		return STEP_NO_RULE;
	if (!find_by_header(space, &image, ip, &found) &&
	    (header_of(&image, PT_GNU_EH_FRAME, 0) ||
	     !space->section(space->arg, &module, &addr, &len) ||
	     !scan(space, image.bias + addr, len, ip, &found)))
		return STEP_NO_RULE;
	*start = found.entry.start;
	*signal = found.entry.signal;
	return cfi_apply(space, &found.entry, ip, regs);
}

/* NT_GNU_BUILD_ID among notes. */
static bool find_note(const u8 *notes, u64 size, u8 id[20])
{
	struct cursor c = { notes, notes + size, false };

	while (!c.bad && c.end - c.at > 12) {
		u64 name = cursor_fixed(&c, 4), desc = cursor_fixed(&c, 4);
		u64 type = cursor_fixed(&c, 4), room = (u64)(c.end - c.at);

		if (name > room || round_up(name, 4) + desc > room)
			return false;
		if (type == NT_GNU_BUILD_ID && name == 4 && !memcmp(c.at, "GNU", 4) && desc &&
		    desc <= 20) {
			memset(id, 0, 20);
			memcpy(id, c.at + 4, desc);
			return true;
		}
		c.at += min(round_up(name, 4) + round_up(desc, 4), room);
	}
	return false;
}

bool eh_frame_build_id(struct unwind_space *space, const struct unwind_module *module, u8 id[20])
{
	struct image image;
	u8 notes[NOTES_MAX];

	if (!read_image(space, module, &image))
		return false;
	for (u32 i = 0; i < image.count; i++) {
		const Elf64_Phdr *p = &image.headers[i];
		u64 size = min(p->p_memsz, (u64)NOTES_MAX);

		if (p->p_type == PT_NOTE &&
		    unwind_read(space, notes, image.bias + p->p_vaddr, size) &&
		    find_note(notes, size, id))
			return true;
	}
	return false;
}
