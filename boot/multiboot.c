/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Multiboot 1 (Multiboot Specification 0.6.96). The image is an ELF file, of 32 or 64 bits, of which
 * the program headers are used; or anything, if the header's address fields are there (flag 16): they
 * come first. Either way the vCPU starts in 32-bit protected mode.
 *
 * Modules lie from the first page behind the image on, where GRUB and QEMU put them too.
 */
#include "boot/loader.h"

#define SEARCHED 8192
#define MAGIC 0x1badb002u  /* in the header */
#define MAGIC2 0xe85250d6u /* of multiboot 2 */
#define LOADED 0x2badb002u /* in EAX */

struct header {
	u32 magic, flags, checksum;
	u32 header_addr, load_addr, load_end_addr, bss_end_addr,
		entry_addr; /* with HAS_ADDRESSES */
};
_Static_assert(sizeof(struct header) == 32, "");
#define SHORT_HEADER offsetof(struct header, header_addr)

/* Flags of the header. Of bits 0..15 a loader refuses what it does not know. */
#define ALIGN_MODULES BIT(0) /* to pages: always done */
#define WANT_MEMORY BIT(1)   /* mem_* and mmap_*: always there */
#define HAS_ADDRESSES BIT(16)

struct info {
	u32 flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr, syms[4];
	u32 mmap_length, mmap_addr, drives_length, drives_addr, config_table, boot_loader_name;
	u32 apm_table, vbe[4], framebuffer[7];
};
_Static_assert(offsetof(struct info, mods_count) == 20, "");
_Static_assert(offsetof(struct info, mmap_length) == 44, "");
_Static_assert(offsetof(struct info, boot_loader_name) == 64, "");
_Static_assert(sizeof(struct info) == 116, "");

/* Flags of struct info. */
#define INFO_MEMORY BIT(0)
#define INFO_CMDLINE BIT(2)
#define INFO_MODULES BIT(3)
#define INFO_MMAP BIT(6)
#define INFO_LOADER_NAME BIT(9)

struct mmap_entry {
	u32 size; /* of what follows */
	struct load_range range;
} __attribute__((packed));
_Static_assert(sizeof(struct mmap_entry) == 24, "");

struct module {
	u32 start, end, string, reserved;
};

/* The first header with a right checksum is copied to H (what it lacks as zeroes), its file offset to
 * AT. Else -ENOENT, and what looked like one is told. */
static int find_header(struct loader *l, struct header *h, u64 *at)
{
	const u8 *image = l->in->image;
	int rc = -ENOENT;

	memset(h, 0, sizeof(*h));
	for (*at = 0; *at + SHORT_HEADER <= SEARCHED && load_has(l, *at, SHORT_HEADER); *at += 4) {
		memcpy(h, image + *at, SHORT_HEADER);
		if (h->magic == MAGIC && h->magic + h->flags + h->checksum == 0) {
			if (!(h->flags & HAS_ADDRESSES))
				return 0;
			if (*at + sizeof(*h) > SEARCHED || !load_has(l, *at, sizeof(*h)))
				return load_refuse(
					l, -EINVAL,
					"the header at 0x%lx ends beyond the file or its "
					"first 0x%x bytes",
					*at, SEARCHED);
			memcpy(h, image + *at, sizeof(*h));
			return 0;
		}
		if (h->magic == MAGIC)
			load_refuse(l, rc, "the checksum of the header at 0x%lx is 0x%x, not 0x%x",
				    *at, h->checksum, -(h->magic + h->flags));
		if (h->magic == MAGIC2 && *at % 8 == 0)
			load_refuse(l, rc, "a header of multiboot 2 at 0x%lx; known is multiboot 1",
				    *at);
	}
	return rc;
}

/* By the address fields of the header at AT. Zero as an end means: all of the file, no BSS. */
static int load_addresses(struct loader *l, const struct header *h, u64 at, u64 *entry)
{
	u64 before = (u64)h->header_addr - h->load_addr, offset = at - before, size;
	int rc;

	if (h->load_addr > h->header_addr || before > at)
		return load_refuse(
			l, -EINVAL,
			"header_addr 0x%x - load_addr 0x%x is not in 0..0x%lx, the header's "
			"place in the file",
			h->header_addr, h->load_addr, at);
	size = l->in->image_size - offset;
	if (h->load_end_addr) {
		if (h->load_end_addr < h->load_addr || h->load_end_addr - h->load_addr > size)
			return load_refuse(
				l, -EINVAL,
				"load_end_addr is 0x%x; with load_addr 0x%x and the file it "
				"may be 0x%x..0x%lx",
				h->load_end_addr, h->load_addr, h->load_addr, h->load_addr + size);
		size = h->load_end_addr - h->load_addr;
	}
	if (h->bss_end_addr && h->bss_end_addr < h->load_addr + size)
		return load_refuse(l, -EINVAL,
				   "bss_end_addr 0x%x lies before the end of what is loaded, 0x%lx",
				   h->bss_end_addr, h->load_addr + size);
	*entry = h->entry_addr;
	if (*entry < h->load_addr || *entry - h->load_addr >= size)
		return load_refuse(l, -EINVAL, "entry_addr 0x%lx is not in 0x%x..0x%lx", *entry,
				   h->load_addr, h->load_addr + size);
	rc = load_add(l, "load_addr", h->load_addr, l->in->image + offset, size);
	if (rc || !h->bss_end_addr)
		return rc;
	return load_add(l, "bss_end_addr", h->load_addr + size, NULL,
			h->bss_end_addr - (h->load_addr + size));
}

/* The image's pieces are there. */
static int add_modules(struct loader *l, struct info *info)
{
	u64 at, string, gpa = 1 << 20;
	const struct load_piece *p = l->plan->piece;
	struct module *to;

	if (!l->in->modules)
		return 0;
	for (unsigned i = 0; i < l->plan->pieces; i++)
		gpa = MAX(gpa, load_page_up(p[i].gpa + p[i].size));
	to = load_low(l, l->in->modules * sizeof(*to), 4, &at);
	if (!to)
		return -ENOMEM;
	for (unsigned i = 0; i < l->in->modules; i++) {
		const struct load_module *m = &l->in->module[i];
		struct module entry;
		int rc;

		/* RAM is whole pages, so that gpa is not beyond it. */
		if (m->size > l->in->ram - gpa)
			return load_refuse(
				l, -ENOMEM,
				"the module of 0x%lx bytes does not fit between the end of "
				"what is before it, 0x%lx, and that of RAM, 0x%lx (guest_mem)",
				m->size, gpa, l->in->ram);
		if (load_string(l, m->string, &string))
			return -ENOMEM;
		entry = (struct module){ (u32)gpa, (u32)(gpa + m->size), (u32)string, 0 };
		memcpy(&to[i], &entry, sizeof(entry));
		rc = load_add(l, "a module", gpa, m->data, m->size);
		if (rc)
			return rc;
		gpa = load_page_up(gpa + m->size);
	}
	info->flags |= INFO_MODULES;
	info->mods_count = l->in->modules;
	info->mods_addr = (u32)at;
	return 0;
}

static int add_info(struct loader *l)
{
	u64 at, mmap, cmdline, name;
	void *to = load_low(l, sizeof(struct info), 4, &at);
	struct mmap_entry *e = load_low(l, LOAD_RANGES * sizeof(*e), 4, &mmap);
	struct load_range map[LOAD_RANGES];
	struct info info;
	int rc;

	if (!to || !e || load_string(l, l->in->cmdline, &cmdline) ||
	    load_string(l, "Interlock", &name))
		return -ENOMEM;
	load_memory_map(l->in->ram, map);
	for (unsigned i = 0; i < LOAD_RANGES; i++)
		e[i] = (struct mmap_entry){ sizeof(map[i]), map[i] };
	info = (struct info){
		.flags = INFO_MEMORY | INFO_CMDLINE | INFO_MMAP | INFO_LOADER_NAME,
		.mem_lower = (u32)(map[0].size >> 10),
		.mem_upper = (u32)((l->in->ram - (1 << 20)) >> 10),
		.cmdline = (u32)cmdline,
		.mmap_length = sizeof(*e) * LOAD_RANGES,
		.mmap_addr = (u32)mmap,
		.boot_loader_name = (u32)name,
	};
	rc = add_modules(l, &info);
	memcpy(to, &info, sizeof(info));
	l->plan->start.rax = LOADED;
	l->plan->start.rbx = at;
	return rc;
}

int load_multiboot(struct loader *l)
{
	struct header h;
	u64 at, entry = 0, required;
	int rc = find_header(l, &h, &at);

	if (rc)
		return rc;
	required = h.flags & 0xffff & ~(ALIGN_MODULES | WANT_MEMORY);
	if (required)
		return load_refuse(
			l, -EINVAL,
			"flags of the header at 0x%lx are 0x%x; of 0..15 only 0 and 1 are "
			"known%s",
			at, h.flags, required & BIT(2) ? ", there is no video mode (2)" : "");
	rc = h.flags & HAS_ADDRESSES ? load_addresses(l, &h, at, &entry) : load_elf(l, &entry);
	if (!rc)
		rc = add_info(l);
	return rc ? rc : load_start(l, START_PROTECTED, entry);
}
