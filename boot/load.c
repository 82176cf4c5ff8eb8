/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of what kind a guest image is, and what the loaders of all kinds use. */
#include "boot/loader.h"
#include "boot/format.h"
#include "mm/backing.h" /* APIC_ACCESS_GPA */

#define LOW_RAM_END 0x9fc00u /* here a PC's extended BIOS data area begins */
#define HIGH_RAM 0x100000u

void load_memory_map(u64 ram, struct load_range map[LOAD_RANGES])
{
	const struct load_range all[LOAD_RANGES] = {
		{ 0, LOW_RAM_END, MEMORY_RAM },
		{ LOW_RAM_END, 0xa0000 - LOW_RAM_END, MEMORY_RESERVED },
		{ 0xe0000, HIGH_RAM - 0xe0000, MEMORY_RESERVED },
		{ HIGH_RAM, ram - HIGH_RAM, MEMORY_RAM },
		{ IOAPIC_GPA, PAGE_SIZE, MEMORY_RESERVED },
		{ APIC_ACCESS_GPA, PAGE_SIZE, MEMORY_RESERVED },
	};

	memcpy(map, all, sizeof(all));
}
_Static_assert(LOAD_RAM_MAX <= IOAPIC_GPA, "the map is in ascending order");
_Static_assert(LOAD_LOW_END <= LOW_RAM_END, "what is loaded lies in RAM");

int load_refuse(struct loader *l, int error, const char *fmt, ...)
{
	va_list args;
	size_t used = (size_t)format(l->err, l->err_size, "%s: ", l->plan->kind);

	va_start(args, fmt);
	vformat(l->err + used, l->err_size - used, fmt, args);
	va_end(args);
	return error;
}

/* The piece that has bytes of SIZE from GPA on, or NULL. */
static const struct load_piece *overlaps(const struct load_plan *plan, u64 gpa, u64 size)
{
	for (unsigned i = 0; i < plan->pieces; i++) {
		const struct load_piece *p = &plan->piece[i];

		if (gpa < p->gpa + p->size && p->gpa < gpa + size)
			return p;
	}
	return NULL;
}

static bool within(u64 gpa, u64 size, u64 start, u64 end)
{
	return gpa >= start && gpa <= end && size <= end - gpa;
}

int load_add(struct loader *l, const char *what, u64 gpa, const void *from, u64 size)
{
	struct load_plan *plan = l->plan;
	const struct load_piece *p;

	if (!size)
		return 0;
	if (!within(gpa, size, 0, LOAD_LOW_END) && !within(gpa, size, HIGH_RAM, l->in->ram))
		return load_refuse(
			l, -EINVAL,
			"%s: 0x%lx bytes at 0x%lx; an image may lie in 0..0x%x and 0x%x..0x%lx",
			what, size, gpa, LOAD_LOW_END, HIGH_RAM, l->in->ram);
	p = overlaps(plan, gpa, size);
	if (p)
		return load_refuse(l, -EINVAL, "%s: 0x%lx..0x%lx overlaps 0x%lx..0x%lx", what, gpa,
				   gpa + size, p->gpa, p->gpa + p->size);
	if (plan->pieces == LOAD_PIECES - 1) /* the last one is for the scratch memory */
		return load_refuse(l, -EINVAL, "%s: more than %u pieces of memory", what,
				   LOAD_PIECES - 1);
	plan->piece[plan->pieces++] = (struct load_piece){ gpa, from, size };
	return 0;
}

/* Where all of the scratch memory fits between the image's pieces. */
static bool find_gap(struct loader *l)
{
	const struct load_piece *p;
	u64 gpa = LOAD_LOW_GPA;

	while ((p = overlaps(l->plan, gpa, l->low_size)))
		gpa = load_page_up(p->gpa + p->size);
	if (!within(gpa, l->low_size, LOAD_LOW_GPA, LOAD_LOW_END))
		return false;
	l->low_gpa = gpa;
	return true;
}

void *load_low(struct loader *l, u64 size, u64 align, u64 *gpa)
{
	u64 at = (l->low_used + align - 1) & -align;

	if (!l->low_gpa && !find_gap(l)) {
		load_refuse(
			l, -ENOMEM,
			"the image leaves no 0x%lx bytes in a row in 0x%x..0x%x, for command line, "
			"names and tables",
			l->low_size, LOAD_LOW_GPA, LOAD_LOW_END);
		return NULL;
	}
	if (at > l->low_size || size > l->low_size - at) {
		load_refuse(l, -ENOMEM, "command line, names and tables take more than %lu bytes",
			    l->low_size);
		return NULL;
	}
	l->low_used = at + size;
	*gpa = l->low_gpa + at;
	return memset(l->low + at, 0, size);
}
_Static_assert(LOAD_LOW_GPA % PAGE_SIZE == 0, "an offset's alignment is its address's");

int load_string(struct loader *l, const char *text, u64 *gpa)
{
	size_t size = text ? strlen(text) + 1 : 1;
	char *to = load_low(l, size, 1, gpa);

	if (!to)
		return -ENOMEM;
	memcpy(to, text ? text : "", size);
	return 0;
}

/* SDM, "Paging": present, writable, accessed; in a leaf also dirty, and 2 MB large. */
#define TABLE 0x23ull
#define LEAF 0xe3ull

/* The six tables lie one behind the other: PML4, page-directory-pointer table, four directories. */
static int identity_map(struct loader *l, u64 *cr3)
{
	u8 *to = load_low(l, 6 * PAGE_SIZE, PAGE_SIZE, cr3);
	u64 entry;

	if (!to)
		return -ENOMEM;
	entry = (*cr3 + PAGE_SIZE) | TABLE;
	memcpy(to, &entry, 8);
	for (u64 i = 0; i < 4; i++) {
		entry = (*cr3 + (2 + i) * PAGE_SIZE) | TABLE;
		memcpy(to + PAGE_SIZE + i * 8, &entry, 8);
	}
	for (u64 i = 0; i < 4 * 512; i++) {
		entry = i << 21 | LEAF;
		memcpy(to + 2 * PAGE_SIZE + i * 8, &entry, 8);
	}
	return 0;
}

/* Linux's protocol wants these (__BOOT_CS, __BOOT_DS); multiboot leaves them open. */
enum { CODE = 0x10, DATA = 0x18 };

int load_start(struct loader *l, int mode, u64 rip)
{
	struct guest_start *s = &l->plan->start;
	/* Flat, 4 GB, accessed: SDM, "Segment Descriptors". */
	u64 gdt[4] = {
		[CODE / 8] = mode == START_LONG ? 0x00af9b000000ffffull : 0x00cf9b000000ffffull,
		[DATA / 8] = 0x00cf93000000ffffull,
	};
	void *to = load_low(l, sizeof(gdt), 8, &s->gdt);

	if (!to)
		return -ENOMEM;
	memcpy(to, gdt, sizeof(gdt));
	s->gdt_size = sizeof(gdt);
	s->cs = CODE;
	s->ds = DATA;
	s->mode = mode;
	s->rip = rip;
	return mode == START_LONG ? identity_map(l, &s->cr3) : 0;
}

static bool ends_in(const char *name, const char *ending)
{
	size_t length = name ? strlen(name) : 0, tail = strlen(ending);

	return length >= tail && !strcmp(name + length - tail, ending);
}

/* Any bytes can be a flat image, so its file has to be called one. */
static int load_flat(struct loader *l)
{
	const struct load_input *in = l->in;

	if (!ends_in(in->name, ".bin") && !ends_in(in->name, ".flat"))
		return -ENOENT;
	if (!in->image_size)
		return load_refuse(l, -EINVAL, "the file is empty");
	if (in->modules || (in->cmdline && *in->cmdline))
		return load_refuse(l, -EINVAL,
				   "a command line or a module is only for bzImage and multiboot");
	l->plan->start.mode = START_REAL;
	l->plan->start.rip = GUEST_LOAD_GPA;
	return load_add(l, "the image", GUEST_LOAD_GPA, in->image, in->image_size);
}

static int check_input(struct loader *l)
{
	const struct load_input *in = l->in;

	if (in->ram < LOAD_RAM_MIN || in->ram > LOAD_RAM_MAX || in->ram % PAGE_SIZE)
		return load_refuse(l, -EINVAL,
				   "%lu bytes of RAM; allowed are whole pages, %lu..%lu", in->ram,
				   LOAD_RAM_MIN, LOAD_RAM_MAX);
	for (unsigned i = 0; i < in->modules; i++)
		if (!in->module[i].size)
			return load_refuse(l, -EINVAL, "module %u is empty", i + 1);
	return 0;
}

int load_plan(const struct load_input *in, void *scratch, size_t scratch_size,
	      struct load_plan *plan, char *err, size_t err_size)
{
	static const struct {
		const char *name;
		int (*load)(struct loader *l);
	} kinds[] = {
		{ "bzImage", load_bzimage },
		{ "multiboot", load_multiboot },
		{ "flat", load_flat },
	};
	struct loader l = {
		.in = in, .plan = plan, .low = scratch, .err = err, .err_size = err_size
	};
	int rc;

	if (err_size)
		*err = '\0';
	*plan = (struct load_plan){ .kind = "image" };
	l.low_size = MIN(scratch_size, LOAD_LOW_END - LOAD_LOW_GPA);
	rc = check_input(&l);
	if (rc)
		return rc;

	rc = -ENOENT;
	for (unsigned i = 0; i < ARRAY_SIZE(kinds) && rc == -ENOENT; i++) {
		plan->kind = kinds[i].name;
		rc = kinds[i].load(&l);
	}
	if (rc == -ENOENT && err_size && !*err) {
		plan->kind = "image";
		load_refuse(&l, rc,
			    "neither a bzImage (\"HdrS\" at 0x202) nor multiboot (a header in the "
			    "first "
			    "8192 bytes) nor flat (a name ending .bin or .flat)");
	}
	if (!rc && l.low_used)
		plan->piece[plan->pieces++] = (struct load_piece){ l.low_gpa, l.low, l.low_used };
	return rc;
}
