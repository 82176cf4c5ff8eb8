/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Multiboot 1: ELF files of both classes and images with address fields; what the kernel finds, what
 * each error says, and that no header whatever makes a plan that is none.
 * links: boot/load.c boot/bzimage.c boot/multiboot.c boot/elf.c boot/format.c
 * links: tests/unit/plans.c mm/frame.c tests/unit/fake.c
 */
#include "tests/unit/fake.h"
#include "tests/unit/images.h"
#include "tests/unit/plans.h"

static u8 image[0x2100], module[0x1801];

static int fresh(void **state)
{
	(void)state;
	memset(image, 0, sizeof(image));
	make_elf32(image, 0);
	put_pattern(module, 0, sizeof(module));
	plan_in = (struct load_input){
		.name = "kernel", .image = image, .image_size = ELF_SIZE, .ram = 8 << 20
	};
	plan_scratch = LOAD_SCRATCH;
	return 0;
}

static void accepts(void)
{
	int rc = plan_make();

	if (rc)
		fail_msg("%s", plan_err);
	assert_null(plan_problem(rc));
	assert_string_equal(plan.kind, "multiboot");
	assert_int_equal(plan.start.mode, START_PROTECTED);
	assert_int_equal(plan.start.rax, 0x2badb002);
}

static void refuses(int error, const char *message)
{
	assert_int_equal(plan_make(), error);
	assert_string_equal(plan_err, message);
}

/* With one field changed, and put back. */
static void field(u64 at, unsigned bytes, u64 value, const char *message)
{
	u64 old = 0;

	memcpy(&old, image + at, bytes);
	put(image, at, bytes, value);
	if (message)
		refuses(-EINVAL, message);
	else
		accepts();
	put(image, at, bytes, old);
}

static void check_segments(void)
{
	assert_int_equal(plan.pieces, 4);
	assert_memory_equal(plan_at(0x100000, 0x100), image + 0x100, 0x100);
	assert_memory_equal(plan_at(0x200000, 0x80), image + 0x200, 0x80);
	assert_int_equal(plan.piece[2].gpa, 0x200080);
	assert_int_equal(plan.piece[2].size, 0x1000);
	assert_null(plan.piece[2].from);
	assert_int_equal(plan.start.rip, 0x100010);
}

static void elf(void **state)
{
	(void)state;
	accepts();
	check_segments();
	make_elf32(image, 0xc0000000);
	accepts();
	check_segments();
	make_elf64(image, 0);
	accepts();
	check_segments();
	make_elf64(image, 0xffffffff80000000);
	accepts();
	check_segments();
}

static void elf_entry(void **state)
{
	(void)state;
	field(0x18, 4, 0x1000ff, NULL);
	field(0x18, 4, 0x20007f, NULL);
	field(0x18, 4, 0x100100, "multiboot: e_entry 0x100100 lies in nothing that is loaded");
	field(0x18, 4, 0xfffff, "multiboot: e_entry 0xfffff lies in nothing that is loaded");
	field(0x18, 4, 0x200080, "multiboot: e_entry 0x200080 lies in nothing that is loaded");

	/* A physical entry of a kernel whose code is at virtual addresses. */
	make_elf32(image, 0xc0000000);
	put(image, 0x18, 4, 0x200004);
	accepts();
	assert_int_equal(plan.start.rip, 0x200004);
	/* An address that is one segment's virtual and the other one's physical. */
	put(image, 0x34 + 8, 4, 0x200000);
	accepts();
	assert_int_equal(plan.start.rip, 0x100004);
}

static void elf_fields(void **state)
{
	(void)state;
	field(4, 1, 2,
	      "multiboot: ELF class 2, data 1, type 2, machine 3; known are 1, 1, 2, 3 (i386) and "
	      "2, 1, 2, 62 (x86-64)");
	field(5, 1, 2,
	      "multiboot: ELF class 1, data 2, type 2, machine 3; known are 1, 1, 2, 3 (i386) and "
	      "2, 1, 2, 62 (x86-64)");
	field(0x10, 2, 3,
	      "multiboot: ELF class 1, data 1, type 3, machine 3; known are 1, 1, 2, 3 (i386) and "
	      "2, 1, 2, 62 (x86-64)");
	field(0x12, 2, 62,
	      "multiboot: ELF class 1, data 1, type 2, machine 62; known are 1, 1, 2, 3 (i386) and "
	      "2, 1, 2, 62 (x86-64)");
	field(0, 1, 0,
	      "multiboot: neither an ELF file nor, by flag 16, address fields in the header");
	field(0x2a, 2, 0x38, "multiboot: e_phentsize is 56");
	field(0x2c, 2, 0x13,
	      "multiboot: 19 program headers at 0x34 end beyond the file's 0x280 bytes");
	field(0x1c, 4, 0xffffffff,
	      "multiboot: 2 program headers at 0xffffffff end beyond the file's 0x280 bytes");
	field(0x2c, 2, 0, "multiboot: e_entry 0x100010 lies in nothing that is loaded");

	/* The first program header, then the second. */
	field(0x38, 4, 0x181,
	      "multiboot: program header 0: 0x100 bytes at 0x181; the file has 0x280");
	field(0x38, 4, 0x180, NULL);
	field(0x44, 4, 0x181,
	      "multiboot: program header 0: 0x181 bytes at 0x100; the file has 0x280");
	field(0x48, 4, 0xff,
	      "multiboot: program header 0: p_filesz 0x100 is more than p_memsz 0xff");
	field(0x40, 4, 0x1fff01,
	      "multiboot: program header 1: 0x200000..0x200080 overlaps 0x1fff01..0x200001");
	put(image, 0x18, 4, 0x200000);
	field(0x40, 4, 0x1fff00, NULL);
	put(image, 0x18, 4, 0x100010);
	field(0x60, 4, 0x7fef80, NULL);
	field(0x60, 4, 0x7fef81,
	      "multiboot: program header 1: 0x1000 bytes at 0x7ff001; an image may lie in "
	      "0..0x9f000 and 0x100000..0x800000");
	field(0x60, 4, 0xfffff,
	      "multiboot: program header 1: 0x80 bytes at 0xfffff; an image may lie in 0..0x9f000 "
	      "and 0x100000..0x800000");
	field(0x60, 4, 0x9efc0,
	      "multiboot: program header 1: 0x80 bytes at 0x9efc0; an image may lie in 0..0x9f000 "
	      "and 0x100000..0x800000");
	field(0x60, 4, 0xffffffc0,
	      "multiboot: program header 1: 0x80 bytes at 0xffffffc0; an image may lie in "
	      "0..0x9f000 and 0x100000..0x800000");
	field(0x68, 4, 0xffffffff,
	      "multiboot: program header 1: 0xffffff7f bytes at 0x200080; an image may lie in "
	      "0..0x9f000 and 0x100000..0x800000");
	field(0x60, 4, 0, NULL);

	/* Not to be loaded: another type; no memory. Its other fields do not matter then. */
	put(image, 0x58, 4, 0xffffffff);
	field(0x54, 4, 2, NULL);
	field(0x68, 4, 0, NULL);
	/* Only zeroes: then the offset does not matter either. */
	put(image, 0x64, 4, 0);
	accepts();
}

static void elf64_fields(void **state)
{
	(void)state;
	make_elf64(image, 0);
	field(0x20, 8, -1ul,
	      "multiboot: 2 program headers at 0xffffffffffffffff end beyond the file's 0x280 "
	      "bytes");
	field(0x36, 2, 0x20, "multiboot: e_phentsize is 32");
	field(0x48, 8, -0xfful,
	      "multiboot: program header 0: 0x100 bytes at 0xffffffffffffff01; the file has 0x280");
	field(0x60, 8, -1ul,
	      "multiboot: program header 0: 0xffffffffffffffff bytes at 0x100; the file has 0x280");
	field(0x58, 8, -0x80ul,
	      "multiboot: program header 0: 0x100 bytes at 0xffffffffffffff80; an image may lie in "
	      "0..0x9f000 and 0x100000..0x800000");
	field(0xa0, 8, -1ul,
	      "multiboot: program header 1: 0xffffffffffffff7f bytes at 0x200080; an image may lie "
	      "in 0..0x9f000 and 0x100000..0x800000");
	field(0x18, 8, 0x100100010,
	      "multiboot: e_entry 0x100100010 lies in nothing that is loaded");

	/* No room for an ELF header. */
	memset(image, 0, sizeof(image));
	put_multiboot(image, 0, 0);
	plan_in.image_size = 12;
	refuses(-EINVAL, "multiboot: neither an ELF file nor, by flag 16, address fields in the "
			 "header");

	/* Within what is a header of 32 bits, but not of 64. */
	memset(image, 0, sizeof(image));
	make_elf64(image, 0);
	put_multiboot(image, 0x28, 0);
	plan_in.image_size = 0x34;
	refuses(-EINVAL, "multiboot: the file ends within the ELF header");
}

static void many_segments(void **state)
{
	(void)state;
	/* 100 of 16 bytes each, of which half are zeroes, take two pieces each. */
	memset(image, 0, sizeof(image));
	make_elf32(image, 0);
	put(image, 0x1c, 4, 0x400);
	for (unsigned i = 0; i < 100; i++) {
		u64 h = 0x400 + i * 0x20;

		put(image, h, 4, 1);
		put(image, h + 4, 4, 0x100);
		put(image, h + 8, 4, 0x100000 + i * 16);
		put(image, h + 12, 4, 0x100000 + i * 16);
		put(image, h + 16, 4, 8);
		put(image, h + 20, 4, 16);
	}
	put(image, 0x18, 4, 0x100000);
	plan_in.image_size = 0x400 + 100 * 0x20;
	put(image, 0x2c, 2, 15);
	accepts();
	assert_int_equal(plan.pieces, 31);
	put(image, 0x2c, 2, 16);
	put(image, 0x400 + 15 * 0x20 + 20, 4, 8);
	accepts();
	assert_int_equal(plan.pieces, 32);
	put(image, 0x400 + 15 * 0x20 + 20, 4, 16);
	refuses(-EINVAL, "multiboot: program header 15: more than 31 pieces of memory");
	put(image, 0x2c, 2, 100);
	refuses(-EINVAL, "multiboot: program header 15: more than 31 pieces of memory");
}

static void addresses(void **state)
{
	(void)state;
	make_plain(image);
	plan_in.image_size = PLAIN_SIZE;
	accepts();
	assert_int_equal(plan.pieces, 3);
	assert_memory_equal(plan_at(0x100000, 0x1e0), image + 0x20, 0x1e0);
	assert_int_equal(plan.piece[1].gpa, 0x1001e0);
	assert_int_equal(plan.piece[1].size, 0x1000);
	assert_null(plan.piece[1].from);
	assert_int_equal(plan.start.rip, 0x100040);

	/* Zero as an end: all of the file; no BSS. Ends that are equal: no BSS. */
	put(image, 0x54, 4, 0);
	accepts();
	assert_int_equal(plan.piece[0].size, 0x1e0);
	put(image, 0x54, 4, 0x1001d0);
	put(image, 0x58, 4, 0);
	accepts();
	assert_int_equal(plan.pieces, 2);
	assert_int_equal(plan.piece[0].size, 0x1d0);
	put(image, 0x58, 4, 0x1001d0);
	accepts();
	assert_int_equal(plan.pieces, 2);

	/* They come before what an ELF file says. */
	make_elf32(image, 0);
	put_multiboot(image, 0x100, 0x10003);
	put(image, 0x10c, 4, 0x300100);
	put(image, 0x110, 4, 0x300100);
	put(image, 0x114, 4, 0x300140);
	put(image, 0x118, 4, 0);
	put(image, 0x11c, 4, 0x300120);
	plan_in.image_size = ELF_SIZE;
	accepts();
	assert_int_equal(plan.pieces, 2);
	assert_memory_equal(plan_at(0x300100, 0x40), image + 0x100, 0x40);
	assert_int_equal(plan.start.rip, 0x300120);
}

static void address_fields(void **state)
{
	(void)state;
	make_plain(image);
	plan_in.image_size = PLAIN_SIZE;
	field(0x4c, 4, 0xfffff,
	      "multiboot: header_addr 0xfffff - load_addr 0x100000 is not in 0..0x40, the header's "
	      "place in the file");
	field(0x4c, 4, 0x100041,
	      "multiboot: header_addr 0x100041 - load_addr 0x100000 is not in 0..0x40, the "
	      "header's "
	      "place in the file");
	field(0x4c, 4, 0x100040, NULL);
	field(0x54, 4, 0x1001e1,
	      "multiboot: load_end_addr is 0x1001e1; with load_addr 0x100000 and the file it may "
	      "be "
	      "0x100000..0x1001e0");
	field(0x54, 4, 0xfffff,
	      "multiboot: load_end_addr is 0xfffff; with load_addr 0x100000 and the file it may be "
	      "0x100000..0x1001e0");
	field(0x54, 4, 0x100000, "multiboot: entry_addr 0x100040 is not in 0x100000..0x100000");
	field(0x58, 4, 0x1001df,
	      "multiboot: bss_end_addr 0x1001df lies before the end of what is loaded, 0x1001e0");
	field(0x58, 4, 0x800000, NULL);
	field(0x58, 4, 0x800001,
	      "multiboot: bss_end_addr: 0x6ffe21 bytes at 0x1001e0; an image may lie in 0..0x9f000 "
	      "and 0x100000..0x800000");
	field(0x5c, 4, 0x1001df, NULL);
	field(0x5c, 4, 0x1001e0, "multiboot: entry_addr 0x1001e0 is not in 0x100000..0x1001e0");
	field(0x5c, 4, 0xfffff, "multiboot: entry_addr 0xfffff is not in 0x100000..0x1001e0");
	put(image, 0x4c, 4, 0xffffff20);
	put(image, 0x50, 4, 0xffffff00);
	put(image, 0x54, 4, 0);
	put(image, 0x58, 4, 0);
	put(image, 0x5c, 4, 0xffffff00);
	refuses(-EINVAL, "multiboot: load_addr: 0x1e0 bytes at 0xffffff00; an image may lie in "
			 "0..0x9f000 and 0x100000..0x800000");
}

static void header_place(void **state)
{
	(void)state;
	put(image, 0x100, 4, 0);
	plan_in.image_size = sizeof(image);
	put_multiboot(image, 8192 - 12, 0);
	accepts();
	put(image, 8192 - 12, 4, 0);
	put_multiboot(image, 8192 - 8, 0);
	assert_int_equal(plan_make(), -ENOENT);
	put(image, 8192 - 8, 4, 0);
	put_multiboot(image, 0x102, 0);
	assert_int_equal(plan_make(), -ENOENT);

	/* With addresses it is longer, and counts as a whole. */
	memset(image, 0, sizeof(image));
	put_multiboot(image, 8192 - 32, 0x10000);
	put(image, 8192 - 32 + 12, 4, 0x100020);
	put(image, 8192 - 32 + 16, 4, 0x100000);
	put(image, 8192 - 32 + 28, 4, 0x100000);
	accepts();
	memmove(image + 8192 - 28, image + 8192 - 32, 32);
	put(image, 8192 - 32, 4, 0);
	refuses(-EINVAL, "multiboot: the header at 0x1fe4 ends beyond the file or its first 0x2000 "
			 "bytes");
	make_plain(image);
	plan_in.image_size = 0x5f;
	refuses(-EINVAL,
		"multiboot: the header at 0x40 ends beyond the file or its first 0x2000 bytes");

	/* What looks like a header first does not hide the right one. */
	make_elf32(image, 0);
	put(image, 0xc0, 4, 0x1badb002);
	plan_in.image_size = ELF_SIZE;
	accepts();
}

static void no_header(void **state)
{
	(void)state;
	put(image, 0x108, 4, 1);
	refuses(-ENOENT, "multiboot: the checksum of the header at 0x100 is 0x1, not 0xe4524ffb");
	put(image, 0x100, 4, 0xe85250d6);
	refuses(-ENOENT, "multiboot: a header of multiboot 2 at 0x100; known is multiboot 1");
	/* Its header is aligned to eight bytes. */
	put(image, 0x100, 4, 0);
	put(image, 0x104, 4, 0xe85250d6);
	refuses(-ENOENT,
		"image: neither a bzImage (\"HdrS\" at 0x202) nor multiboot (a header in the first "
		"8192 bytes) nor flat (a name ending .bin or .flat)");
}

static void flags(void **state)
{
	(void)state;
	for (u32 bit = 0; bit < 32; bit++) {
		char text[200];
		int rc;

		if (bit == 16)
			continue;
		put_multiboot(image, 0x100, 1u << bit);
		rc = plan_make();
		assert_null(plan_problem(rc));
		assert_int_equal(rc, bit < 2 || bit > 16 ? 0 : -EINVAL);
		if (!rc)
			continue;
		format(text, sizeof(text),
		       "multiboot: flags of the header at 0x100 are 0x%x; of 0..15 only 0 and 1 "
		       "are "
		       "known%s",
		       1u << bit, bit == 2 ? ", there is no video mode (2)" : "");
		assert_string_equal(plan_err, text);
	}
}

static void info(void **state)
{
	static const u64 map[LOAD_RANGES][3] = {
		{ 0, 0x9fc00, 1 },	   { 0x9fc00, 0x400, 2 },     { 0xe0000, 0x20000, 2 },
		{ 0x100000, 0x700000, 1 }, { 0xfec00000, 0x1000, 2 }, { 0xfee00000, 0x1000, 2 },
	};
	u64 at, mmap;

	(void)state;
	plan_in.cmdline = "quiet";
	accepts();
	at = plan.start.rbx;
	assert_int_equal(plan_u32(at), 0x245);
	assert_int_equal(plan_u32(at + 4), 639);
	assert_int_equal(plan_u32(at + 8), 7 << 10);
	assert_string_equal(plan_at(plan_u32(at + 16), 6), "quiet");
	assert_int_equal(plan_u64(at + 20), 0);
	assert_int_equal(plan_u32(at + 44), LOAD_RANGES * 24);
	mmap = plan_u32(at + 48);
	for (unsigned i = 0; i < LOAD_RANGES; i++, mmap += 24) {
		assert_int_equal(plan_u32(mmap), 20);
		assert_int_equal(plan_u64(mmap + 4), map[i][0]);
		assert_int_equal(plan_u64(mmap + 12), map[i][1]);
		assert_int_equal(plan_u32(mmap + 20), map[i][2]);
	}
	assert_string_equal(plan_at(plan_u32(at + 64), 10), "Interlock");
	assert_non_null(plan_at(at, 116));

	plan_in.cmdline = NULL;
	plan_in.ram = 1 << 30;
	accepts();
	at = plan.start.rbx;
	assert_string_equal(plan_at(plan_u32(at + 16), 1), "");
	assert_int_equal(plan_u32(at + 8), 1023 << 10);
}

static void one_module(void **state)
{
	u64 at, mods;

	(void)state;
	plan_in.modules = 1;
	plan_in.module[0].data = module;
	plan_in.module[0].size = sizeof(module);
	plan_in.module[0].string = "disk.img";
	accepts();
	at = plan.start.rbx;
	assert_int_equal(plan_u32(at), 0x24d);
	assert_int_equal(plan_u32(at + 20), 1);
	mods = plan_u32(at + 24);
	assert_int_equal(plan_u32(mods), 0x202000); /* zeroes end at 0x201080 */
	assert_int_equal(plan_u32(mods + 4), 0x202000 + sizeof(module));
	assert_string_equal(plan_at(plan_u32(mods + 8), 9), "disk.img");
	assert_int_equal(plan_u32(mods + 12), 0);
	assert_memory_equal(plan_at(0x202000, sizeof(module)), module, sizeof(module));

	/* Without a name; as the last bytes of RAM; one too many. */
	plan_in.module[0].string = NULL;
	plan_in.ram = 0x204000;
	plan_in.module[0].size = 0x1801;
	accepts();
	assert_string_equal(plan_at(plan_u32(plan_u32(plan.start.rbx + 24) + 8), 1), "");
	plan_in.ram = 0x203000;
	refuses(-ENOMEM,
		"multiboot: the module of 0x1801 bytes does not fit between the end of what "
		"is before it, 0x202000, and that of RAM, 0x203000 (guest_mem)");
	plan_in.module[0].size = 0x1000;
	accepts();

	/* An image below 1 MB: the module is above. */
	make_plain(image);
	put(image, 0x4c, 4, 0x8020);
	put(image, 0x50, 4, 0x8000);
	put(image, 0x54, 4, 0);
	put(image, 0x58, 4, 0);
	put(image, 0x5c, 4, 0x8040);
	plan_in.image_size = PLAIN_SIZE;
	accepts();
	assert_int_equal(plan_u32(plan_u32(plan.start.rbx + 24)), 0x100000);
}

static void several_modules(void **state)
{
	static const u32 start[] = { 0x202000, 0x204000, 0x205000 };
	u64 at, mods;

	(void)state;
	plan_in.modules = 3;
	plan_in.module[0] = (struct load_module){ module, 0x1800, "\\one a=1" };
	plan_in.module[1] = (struct load_module){ module + 1, 0x1000, NULL };
	plan_in.module[2] = (struct load_module){ module + 2, 1, "\\three" };
	accepts();
	at = plan.start.rbx;
	assert_int_equal(plan_u32(at + 20), 3);
	mods = plan_u32(at + 24);
	for (unsigned i = 0; i < 3; i++) {
		const struct load_module *m = &plan_in.module[i];
		const char *string = m->string ? m->string : "";

		assert_int_equal(plan_u32(mods + 16 * i), start[i]);
		assert_int_equal(plan_u32(mods + 16 * i + 4), start[i] + m->size);
		assert_string_equal(plan_at(plan_u32(mods + 16 * i + 8), strlen(string) + 1),
				    string);
		assert_memory_equal(plan_at(start[i], m->size), m->data, m->size);
	}
	plan_in.ram = 0x205000;
	refuses(-ENOMEM,
		"multiboot: the module of 0x1 bytes does not fit between the end of what is "
		"before it, 0x205000, and that of RAM, 0x205000 (guest_mem)");
	plan_in.module[2].size = 0;
	refuses(-EINVAL, "image: module 3 is empty");
}

/* What the loader makes lies in the first gap from 10000h on that has room for all of it. */
static void image_in_low_memory(void **state)
{
	static const struct {
		u32 start, end; /* of the image with its zeroes */
		u32 info;
	} tries[] = {
		{ 0x8000, 0x10000, 0x10000 },  { 0x8000, 0x10001, 0x11000 },
		{ 0x1ffff, 0x21000, 0x21000 }, { 0x20000, 0x21000, 0x10000 },
		{ 0x8000, 0x8f000, 0x8f000 },
	};

	(void)state;
	make_plain(image);
	plan_in.image_size = PLAIN_SIZE;
	for (unsigned i = 0; i < ARRAY_SIZE(tries); i++) {
		put(image, 0x4c, 4, tries[i].start + 0x20);
		put(image, 0x50, 4, tries[i].start);
		put(image, 0x54, 4, 0);
		put(image, 0x58, 4, tries[i].end);
		put(image, 0x5c, 4, tries[i].start + 0x40);
		accepts();
		assert_int_equal(plan.start.rbx, tries[i].info);
	}
	put(image, 0x58, 4, 0x8f001);
	refuses(-ENOMEM,
		"multiboot: the image leaves no 0x10000 bytes in a row in 0x10000..0x9f000, "
		"for command line, names and tables");
}

static void make_kind(u64 kind)
{
	memset(image, 0, sizeof(image));
	if (kind == 0)
		make_plain(image);
	else if (kind == 1)
		make_elf32(image, 0);
	else
		make_elf64(image, 0);
	plan_in.image_size = kind ? ELF_SIZE : PLAIN_SIZE;
}

static void truncated(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 3; kind++) {
		make_kind(kind);
		accepts();
		while (plan_in.image_size) {
			int rc;

			plan_in.image_size--;
			rc = plan_make();

			assert_true(rc == -EINVAL || rc == -ENOENT);
			assert_null(plan_problem(rc));
		}
	}
}

static void little_scratch(void **state)
{
	(void)state;
	plan_in.cmdline = "quiet";
	plan_in.modules = 1;
	plan_in.module[0].data = module;
	plan_in.module[0].size = sizeof(module);
	plan_in.module[0].string = "disk.img";
	accepts();
	plan_scratch = plan.piece[plan.pieces - 1].size;
	accepts();
	do {
		plan_scratch--;
		assert_int_equal(plan_make(), -ENOMEM);
		assert_null(plan_problem(-ENOMEM));
	} while (plan_scratch);
}

static void random_headers(void **state)
{
	static const u64 near[] = { 0,	      1,	0x20,	    0x38,     0x100,	0x200,
				    0x280,    0x7000,	0x80000,    0x9f000,  0x100000, 0x200000,
				    0x800000, 1u << 31, 0xffffffff, 1ul << 63 };
	unsigned good = 0;

	fresh(state);
	fake_random_start();
	for (fake_step = 0; fake_step < 30000; fake_step++) {
		u64 kind = fake_random() % 3, n;
		int rc;

		make_kind(kind);
		for (u64 i = fake_random() % 4 + 1; i; i--) {
			u64 value = fake_random();

			n = fake_random();
			value = value & 1 ? value >> (value >> 1 & 63)
					  : near[(value >> 8) % ARRAY_SIZE(near)] +
						    (value >> 1) % 3 - 1;
			/* The address fields, or the ELF headers. */
			put(image, kind ? n % 0x2c * 4 : 0x4c + n % 5 * 4, n >> 32 & 1 ? 4 : 8,
			    value);
		}
		plan_in.modules = fake_random() % 3;
		for (unsigned m = 0; m < plan_in.modules; m++)
			plan_in.module[m] =
				(struct load_module){ module, 1 + fake_random() % sizeof(module),
						      NULL };
		plan_scratch = fake_random() % 8 ? LOAD_SCRATCH : fake_random() % 512;
		rc = plan_make();
		good += !rc;
		if (plan_problem(rc))
			fail_msg("%s; step %lu with SEED=%lu", plan_problem(rc), fake_step,
				 fake_seed);
	}
	CHECK(good > 1000 && good < 29000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(elf, fresh),
		cmocka_unit_test_setup(elf_entry, fresh),
		cmocka_unit_test_setup(elf_fields, fresh),
		cmocka_unit_test_setup(elf64_fields, fresh),
		cmocka_unit_test_setup(many_segments, fresh),
		cmocka_unit_test_setup(addresses, fresh),
		cmocka_unit_test_setup(address_fields, fresh),
		cmocka_unit_test_setup(header_place, fresh),
		cmocka_unit_test_setup(no_header, fresh),
		cmocka_unit_test_setup(flags, fresh),
		cmocka_unit_test_setup(info, fresh),
		cmocka_unit_test_setup(one_module, fresh),
		cmocka_unit_test_setup(several_modules, fresh),
		cmocka_unit_test_setup(image_in_low_memory, fresh),
		cmocka_unit_test_setup(truncated, fresh),
		cmocka_unit_test_setup(little_scratch, fresh),
		cmocka_unit_test_setup(random_headers, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
