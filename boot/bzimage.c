/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Linux's bzImage by the 64-bit boot protocol (Documentation/arch/x86/boot.rst): its protected-mode
 * part goes to pref_address, where a kernel that is relocatable would put itself at the lowest as
 * well; init_size bytes from there on are its own. The initrd lies at the end of RAM.
 */
#include "boot/loader.h"

#define HEADER_AT 0x1f1
#define ENTRY_64 0x200 /* into the protected-mode part */
#define SECTOR 512u
#define SYSSIZE_UNIT 16ul

struct setup_header {
	u8 setup_sects;
	u16 root_flags;
	u32 syssize;
	u16 ram_size, vid_mode, root_dev, boot_flag;
	u8 jump, jump_by;
	char magic[4];
	u16 version;
	u32 realmode_swtch;
	u16 start_sys_seg, kernel_version;
	u8 type_of_loader, loadflags;
	u16 setup_move_size;
	u32 code32_start, ramdisk_image, ramdisk_size, bootsect_kludge;
	u16 heap_end_ptr;
	u8 ext_loader_ver, ext_loader_type;
	u32 cmd_line_ptr, initrd_addr_max, kernel_alignment;
	u8 relocatable_kernel, min_alignment;
	u16 xloadflags;
	u32 cmdline_size, hardware_subarch;
	u64 hardware_subarch_data;
	u32 payload_offset, payload_length;
	u64 setup_data, pref_address;
	u32 init_size;
} __attribute__((packed));
#define AT(field) (HEADER_AT + offsetof(struct setup_header, field))
_Static_assert(AT(boot_flag) == 0x1fe && AT(magic) == 0x202 && AT(type_of_loader) == 0x210, "");
_Static_assert(AT(cmd_line_ptr) == 0x228 && AT(xloadflags) == 0x236, "");
_Static_assert(AT(setup_data) == 0x250 && AT(init_size) == 0x260, "");
#define HEADER_END                                                                                 \
	(HEADER_AT + sizeof(struct setup_header)) /* of version 2.12 without EFI's field */

#define LOADED_HIGH 1	/* loadflags */
#define XLF_KERNEL_64 1 /* xloadflags */

/* The "zero page". What has no name here is not for this boot loader to fill in. */
struct boot_params {
	u8 screen_info[0x40]; /* zero: no VGA */
	u8 other0[0x30];
	u64 acpi_rsdp_addr;
	u8 other1[0x1e8 - 0x78];
	u8 e820_entries;
	u8 other2[HEADER_AT - 0x1e9];
	union {
		struct setup_header hdr;
		u8 hdr_bytes[0x290 - HEADER_AT]; /* as far as a later version's may reach */
	};
	u8 other3[0x2d0 - 0x290];
	struct load_range e820[128];
	u8 other4[PAGE_SIZE - 0xcd0];
} __attribute__((packed));
_Static_assert(offsetof(struct boot_params, acpi_rsdp_addr) == 0x70, "");
_Static_assert(offsetof(struct boot_params, e820_entries) == 0x1e8, "");
_Static_assert(offsetof(struct boot_params, hdr) == HEADER_AT, "");
_Static_assert(offsetof(struct boot_params, e820) == 0x2d0, "");
_Static_assert(sizeof(struct boot_params) == PAGE_SIZE, "");

/* The header's end in the file: its length is the jump over it. */
static u64 header_end(const struct setup_header *h)
{
	return AT(magic) + h->jump_by;
}

static int check_form(struct loader *l, const struct setup_header *h)
{
	if (h->boot_flag != 0xaa55)
		return load_refuse(l, -EINVAL, "boot_flag (0x1fe) is 0x%x, not 0xaa55",
				   h->boot_flag);
	if (h->version < 0x20c)
		return load_refuse(l, -EINVAL,
				   "boot protocol (0x206) is %u.%u; 2.12 and later are known",
				   h->version >> 8, h->version & 0xff);
	if (h->jump != 0xeb || header_end(h) < HEADER_END ||
	    header_end(h) > HEADER_AT + sizeof(((struct boot_params *)0)->hdr_bytes))
		return load_refuse(l, -EINVAL,
				   "the jump (0x200) is %02x %02x: not over a header that ends in "
				   "0x264..0x290",
				   h->jump, h->jump_by);
	if (!load_has(l, 0, header_end(h)))
		return load_refuse(l, -EINVAL, "the file ends within the header, at 0x%lx of 0x%lx",
				   l->in->image_size, header_end(h));
	if (!(h->loadflags & LOADED_HIGH))
		return load_refuse(l, -EINVAL,
				   "loadflags (0x211) are 0x%x: LOADED_HIGH (1) is not set",
				   h->loadflags);
	if (!(h->xloadflags & XLF_KERNEL_64))
		return load_refuse(l, -EINVAL,
				   "xloadflags (0x236) are 0x%x: no 64-bit entry (1) at 0x200",
				   h->xloadflags);
	return 0;
}

/* The kernel at OFFSET of the file has SIZE bytes, and fits where it wants to be. */
static int check_place(struct loader *l, const struct setup_header *h, u64 offset, u64 size)
{
	u64 start = h->pref_address, align = h->kernel_alignment, ram = l->in->ram;

	if (!load_has(l, offset, size))
		return load_refuse(
			l, -EINVAL,
			"setup_sects (0x1f1) and syssize (0x1f4) say 0x%lx bytes at 0x%lx; "
			"the file has 0x%lx",
			size, offset, l->in->image_size);
	if (size <= ENTRY_64)
		return load_refuse(l, -EINVAL,
				   "syssize (0x1f4) says 0x%lx bytes; the entry is at 0x%x", size,
				   ENTRY_64);
	if (h->init_size < size)
		return load_refuse(l, -EINVAL,
				   "init_size (0x260) is 0x%x, less than the kernel's 0x%lx bytes",
				   h->init_size, size);
	if (align < PAGE_SIZE || align & (align - 1))
		return load_refuse(
			l, -EINVAL,
			"kernel_alignment (0x230) is 0x%lx, not a power of two from 0x%x", align,
			PAGE_SIZE);
	if (start & (align - 1))
		return load_refuse(l, -EINVAL,
				   "pref_address (0x258) is 0x%lx, not a multiple of 0x%lx", start,
				   align);
	if (start > ram || h->init_size > ram - start)
		return load_refuse(
			l, -ENOMEM,
			"init_size (0x260) 0x%x at pref_address (0x258) 0x%lx ends beyond the "
			"guest's RAM of 0x%lx bytes (guest_mem)",
			h->init_size, start, ram);
	return 0;
}

/* As high as RAM and the kernel allow, so that the kernel has what is below it. */
static int place_initrd(struct loader *l, const struct setup_header *h, u64 *gpa)
{
	u64 kernel_end = h->pref_address + h->init_size, size = l->in->module[0].size;
	u64 top = MIN(l->in->ram, h->initrd_addr_max + 1ul);

	*gpa = 0;
	if (!l->in->modules)
		return 0;
	if (l->in->modules > 1)
		return load_refuse(l, -EINVAL, "one initrd is allowed, not %u", l->in->modules);
	if (size <= top)
		*gpa = (top - size) & -(u64)PAGE_SIZE;
	if (*gpa < kernel_end)
		return load_refuse(
			l, -ENOMEM,
			"the initrd of 0x%lx bytes does not fit between the kernel's end, "
			"0x%lx, and 0x%lx (guest_mem, or initrd_addr_max at 0x22c)",
			size, kernel_end, top);
	return load_add(l, "the initrd", *gpa, l->in->module[0].data, size);
}

static int fill_params(struct loader *l, const struct setup_header *h, u64 initrd)
{
	u64 params, cmdline;
	struct boot_params *b = load_low(l, sizeof(*b), PAGE_SIZE, &params);

	if (!b || load_string(l, l->in->cmdline, &cmdline))
		return -ENOMEM;
	memcpy(b->hdr_bytes, l->in->image + HEADER_AT, header_end(h) - HEADER_AT);
	b->hdr.type_of_loader = 0xff; /* none that has a number */
	b->hdr.ext_loader_ver = 0;
	b->hdr.ext_loader_type = 0;
	b->hdr.code32_start = (u32)h->pref_address;
	b->hdr.ramdisk_image = (u32)initrd;
	b->hdr.ramdisk_size = l->in->modules ? (u32)l->in->module[0].size : 0;
	b->hdr.cmd_line_ptr = (u32)cmdline;
	b->hdr.setup_data = 0;
	b->acpi_rsdp_addr = l->in->acpi;
	b->e820_entries = LOAD_RANGES;
	load_memory_map(l->in->ram, b->e820);
	l->plan->start.rsi = params;
	return 0;
}

int load_bzimage(struct loader *l)
{
	struct setup_header h;
	u64 offset, size, start, initrd;
	int rc;

	if (!load_has(l, AT(magic), 4) || memcmp(l->in->image + AT(magic), "HdrS", 4))
		return -ENOENT;
	if (!load_has(l, HEADER_AT, sizeof(h)))
		return load_refuse(l, -EINVAL, "the file ends within the header, at 0x%lx of 0x%lx",
				   l->in->image_size, HEADER_END);
	memcpy(&h, l->in->image + HEADER_AT, sizeof(h));
	rc = check_form(l, &h);
	if (rc)
		return rc;

	offset = ((h.setup_sects ? h.setup_sects : 4) + 1) * SECTOR; /* 0 means 4 */
	size = h.syssize * SYSSIZE_UNIT;
	if (offset < l->in->image_size) {
		u64 left = l->in->image_size - offset;

		if (size > left && size - left < SYSSIZE_UNIT)
			size = left; /* the last unit need not be whole: memtest86+ */
	}
	start = h.pref_address;
	rc = check_place(l, &h, offset, size);
	if (rc)
		return rc;
	if (l->in->cmdline && strlen(l->in->cmdline) > h.cmdline_size)
		return load_refuse(l, -EINVAL,
				   "the command line has %lu bytes; cmdline_size (0x238) allows %u",
				   strlen(l->in->cmdline), h.cmdline_size);

	rc = load_add(l, "the kernel", start, l->in->image + offset, size);
	if (!rc)
		rc = load_add(l, "init_size", start + size, NULL, h.init_size - size);
	if (!rc)
		rc = place_initrd(l, &h, &initrd);
	if (!rc)
		rc = fill_params(l, &h, initrd);
	return rc ? rc : load_start(l, START_LONG, start + ENTRY_64);
}
