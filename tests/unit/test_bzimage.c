/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Linux's bzImage: what the kernel finds in memory and registers, what each error says, and that no
 * header whatever makes a plan that is none.
 * links: boot/load.c boot/bzimage.c boot/multiboot.c boot/elf.c boot/format.c
 * links: tests/unit/plans.c mm/frame.c tests/unit/fake.c
 */
#include "tests/unit/fake.h"
#include "tests/unit/images.h"
#include "tests/unit/plans.h"

static u8 image[BZ_SIZE + 1], module[0x1801];

static int fresh(void **state)
{
	(void)state;
	make_bzimage(image);
	put_pattern(module, 0, sizeof(module));
	plan_in = (struct load_input){
		.name = "vmlinuz", .image = image, .image_size = BZ_SIZE, .ram = 8 << 20
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
	assert_string_equal(plan.kind, "bzImage");
}

static void refuses(int error, const char *message)
{
	assert_int_equal(plan_make(), error);
	assert_string_equal(plan_err, message);
}

/* With one field changed, and put back. */
static void field(u64 at, unsigned bytes, u64 value, int error, const char *message)
{
	u64 old = 0;

	memcpy(&old, image + at, bytes);
	put(image, at, bytes, value);
	if (message)
		refuses(error, message);
	else
		accepts();
	put(image, at, bytes, old);
}

static void kernel_in_memory(void **state)
{
	(void)state;
	accepts();
	assert_memory_equal(plan_at(0x200000, BZ_KERNEL), image + BZ_SETUP, BZ_KERNEL);
	assert_int_equal(plan.piece[1].gpa, 0x200000 + BZ_KERNEL);
	assert_int_equal(plan.piece[1].size, 0x5000 - BZ_KERNEL);
	assert_null(plan.piece[1].from);
	assert_int_equal(plan.pieces, 3);
	assert_int_equal(plan.start.mode, START_LONG);
	assert_int_equal(plan.start.rip, 0x200200);

	/* A kernel as large as init_size leaves nothing to zero. */
	put(image, 0x260, 4, BZ_KERNEL);
	accepts();
	assert_int_equal(plan.pieces, 2);

	/* What lies behind syssize, such as a signature, is not the kernel's. */
	plan_in.image_size++;
	accepts();
	assert_int_equal(plan.piece[0].size, BZ_KERNEL);
}

static void zero_page(void **state)
{
	static const u64 map[LOAD_RANGES][3] = {
		{ 0, 0x9fc00, 1 },	   { 0x9fc00, 0x400, 2 },     { 0xe0000, 0x20000, 2 },
		{ 0x100000, 0x700000, 1 }, { 0xfec00000, 0x1000, 2 }, { 0xfee00000, 0x1000, 2 },
	};
	static const u8 zeroes[PAGE_SIZE];
	u64 zp;

	(void)state;
	plan_in.acpi = 0xe0010;
	plan_in.cmdline = "console=ttyS0";
	put(image, 0x1fa, 2, 0xffff);
	accepts();
	zp = plan.start.rsi;
	assert_int_equal(zp & 4095, 0);
	assert_memory_equal(plan_at(zp, 0x70), zeroes, 0x70);
	assert_int_equal(plan_u64(zp + 0x70), 0xe0010);
	assert_memory_equal(plan_at(zp + 0x78, 0x170), zeroes, 0x170);
	assert_int_equal(plan_u16(zp + 0x1e8), LOAD_RANGES);
	assert_memory_equal(plan_at(zp + 0x1ea, 7), zeroes, 7); /* the sentinel is there */
	for (unsigned i = 0; i < LOAD_RANGES; i++) {
		assert_int_equal(plan_u64(zp + 0x2d0 + i * 20), map[i][0]);
		assert_int_equal(plan_u64(zp + 0x2d0 + i * 20 + 8), map[i][1]);
		assert_int_equal(plan_u32(zp + 0x2d0 + i * 20 + 16), map[i][2]);
	}

	/* The header, as far as it reaches in the file, with what the boot loader writes. */
	assert_memory_equal(plan_at(zp + 0x1f1, 0x1f), image + 0x1f1, 0x1f);
	assert_int_equal(plan_u16(zp + 0x210), 0x01ff);
	assert_int_equal(plan_u32(zp + 0x214), 0x200000);
	assert_int_equal(plan_u64(zp + 0x218), 0);
	assert_string_equal(plan_at(plan_u32(zp + 0x228), 14), "console=ttyS0");
	assert_memory_equal(plan_at(zp + 0x22c, 0x24), image + 0x22c, 0x24);
	assert_int_equal(plan_u64(zp + 0x250), 0);
	assert_int_equal(plan_u32(zp + 0x268), 0xabcd);
	assert_int_equal(plan_u16(zp + 0x226), 0);
	assert_memory_equal(plan_at(zp + 0x26c, 0x64), zeroes, 0x64);
	assert_memory_equal(plan_at(zp + 0x348, 0xcb8), zeroes, 0xcb8);

	plan_in.cmdline = NULL;
	accepts();
	assert_string_equal(plan_at(plan_u32(plan.start.rsi + 0x228), 1), "");
}

/* Each 2 MB of the first 4 GB is mapped to itself, and nothing else is. */
static void page_tables(void **state)
{
	u64 cr3;

	(void)state;
	accepts();
	cr3 = plan.start.cr3;
	for (u64 address = 0; address < 4ul << 30; address += 2 << 20) {
		u64 e = plan_u64(cr3 + (address >> 39 << 3));

		assert_int_equal(e & 0xfff, 0x23);
		e = plan_u64((e & ~0xffful) + (address >> 30 << 3));
		assert_int_equal(e & 0xfff, 0x23);
		e = plan_u64((e & ~0xffful) + (address >> 21 << 3 & 0xfff));
		assert_int_equal(e, address | 0xe3);
	}
	for (u64 i = 1; i < 512; i++)
		assert_int_equal(plan_u64(cr3 + i * 8), 0);
	for (u64 i = 4; i < 512; i++)
		assert_int_equal(plan_u64((plan_u64(cr3) & ~0xffful) + i * 8), 0);
}

static void initrd(void **state)
{
	(void)state;
	plan_in.modules = 1;
	plan_in.module[0].data = module;
	plan_in.module[0].size = sizeof(module);
	accepts();
	assert_int_equal(plan_u32(plan.start.rsi + 0x218), 0x7fe000);
	assert_int_equal(plan_u32(plan.start.rsi + 0x21c), sizeof(module));
	assert_memory_equal(plan_at(0x7fe000, sizeof(module)), module, sizeof(module));

	/* initrd_addr_max is the last byte's. */
	put(image, 0x22c, 4, 0x3fffff);
	accepts();
	assert_int_equal(plan_u32(plan.start.rsi + 0x218), 0x3fe000);
	put(image, 0x22c, 4, 0xffffffff);
	accepts();
	assert_int_equal(plan_u32(plan.start.rsi + 0x218), 0x7fe000);
	put(image, 0x22c, 4, 0x206fff);
	accepts();
	assert_int_equal(plan_u32(plan.start.rsi + 0x218), 0x205000);
	put(image, 0x22c, 4, 0x206ffe);
	accepts();
	put(image, 0x22c, 4, 0x206800 - 1);
	refuses(-ENOMEM, "bzImage: the initrd of 0x1801 bytes does not fit between the kernel's "
			 "end, 0x205000, and 0x206800 (guest_mem, or initrd_addr_max at 0x22c)");
	put(image, 0x22c, 4, 0x100);
	refuses(-ENOMEM, "bzImage: the initrd of 0x1801 bytes does not fit between the kernel's "
			 "end, 0x205000, and 0x101 (guest_mem, or initrd_addr_max at 0x22c)");
	put(image, 0x22c, 4, 0x7fffffff);
	plan_in.ram = 0x206000;
	refuses(-ENOMEM, "bzImage: the initrd of 0x1801 bytes does not fit between the kernel's "
			 "end, 0x205000, and 0x206000 (guest_mem, or initrd_addr_max at 0x22c)");
	plan_in.ram = 8 << 20;
	plan_in.module[0].size = 0;
	refuses(-EINVAL, "image: module 1 is empty");
	plan_in.module[0].size = 1;
	plan_in.module[1] = plan_in.module[0];
	plan_in.modules = 2;
	refuses(-EINVAL, "bzImage: one initrd is allowed, not 2");
}

static void each_field(void **state)
{
	(void)state;
	field(0x1fe, 2, 0xaa54, -EINVAL, "bzImage: boot_flag (0x1fe) is 0xaa54, not 0xaa55");
	field(0x206, 2, 0x20b, -EINVAL,
	      "bzImage: boot protocol (0x206) is 2.11; 2.12 and later are known");
	field(0x206, 2, 0x20c, 0, NULL);
	field(0x200, 1, 0xea, -EINVAL,
	      "bzImage: the jump (0x200) is ea 6a: not over a header that ends in 0x264..0x290");
	field(0x201, 1, 0x61, -EINVAL,
	      "bzImage: the jump (0x200) is eb 61: not over a header that ends in 0x264..0x290");
	field(0x201, 1, 0x62, 0, NULL);
	field(0x201, 1, 0x8e, 0, NULL);
	field(0x201, 1, 0x8f, -EINVAL,
	      "bzImage: the jump (0x200) is eb 8f: not over a header that ends in 0x264..0x290");
	field(0x211, 1, 0x80, -EINVAL,
	      "bzImage: loadflags (0x211) are 0x80: LOADED_HIGH (1) is not set");
	field(0x236, 2, 0x7e, -EINVAL,
	      "bzImage: xloadflags (0x236) are 0x7e: no 64-bit entry (1) at 0x200");
	field(0x1f1, 1, 2, -EINVAL,
	      "bzImage: setup_sects (0x1f1) and syssize (0x1f4) say 0x300 bytes at 0x600; "
	      "the file has 0x700");
	field(0x1f1, 1, 0, -EINVAL, /* it means 4 */
	      "bzImage: setup_sects (0x1f1) and syssize (0x1f4) say 0x300 bytes at 0xa00; "
	      "the file has 0x700");
	field(0x1f4, 4, 0x31, -EINVAL,
	      "bzImage: setup_sects (0x1f1) and syssize (0x1f4) say 0x310 bytes at 0x400; "
	      "the file has 0x700");
	field(0x1f4, 4, 0xffffffff, -EINVAL,
	      "bzImage: setup_sects (0x1f1) and syssize (0x1f4) say 0xffffffff0 bytes at 0x400; "
	      "the file has 0x700");
	field(0x1f4, 4, 0x20, -EINVAL,
	      "bzImage: syssize (0x1f4) says 0x200 bytes; the entry is at 0x200");
	field(0x1f4, 4, 0x21, 0, NULL);
	field(0x260, 4, 0x2ff, -EINVAL,
	      "bzImage: init_size (0x260) is 0x2ff, less than the kernel's 0x300 bytes");
	field(0x260, 4, 0x600000, 0, NULL);
	field(0x260, 4, 0x600001, -ENOMEM,
	      "bzImage: init_size (0x260) 0x600001 at pref_address (0x258) 0x200000 ends beyond "
	      "the "
	      "guest's RAM of 0x800000 bytes (guest_mem)");
	field(0x230, 4, 0x800, -EINVAL,
	      "bzImage: kernel_alignment (0x230) is 0x800, not a power of two from 0x1000");
	field(0x230, 4, 0, -EINVAL,
	      "bzImage: kernel_alignment (0x230) is 0x0, not a power of two from 0x1000");
	field(0x230, 4, 0x3000, -EINVAL,
	      "bzImage: kernel_alignment (0x230) is 0x3000, not a power of two from 0x1000");
	field(0x258, 8, 0x201000, -EINVAL,
	      "bzImage: pref_address (0x258) is 0x201000, not a multiple of 0x200000");
	field(0x258, 8, 0x200001, -EINVAL,
	      "bzImage: pref_address (0x258) is 0x200001, not a multiple of 0x200000");
	field(0x258, 8, 0xffffffffffe00000, -ENOMEM,
	      "bzImage: init_size (0x260) 0x5000 at pref_address (0x258) 0xffffffffffe00000 ends "
	      "beyond the guest's RAM of 0x800000 bytes (guest_mem)");
	put(image, 0x230, 4, 0x1000);
	field(0x258, 8, 0x9d000, -EINVAL,
	      "bzImage: init_size: 0x4d00 bytes at 0x9d300; an image may lie in 0..0x9f000 and "
	      "0x100000..0x800000");
	field(0x258, 8, 0xff000, -EINVAL,
	      "bzImage: the kernel: 0x300 bytes at 0xff000; an image may lie in 0..0x9f000 and "
	      "0x100000..0x800000");
	field(0x238, 4, 3, 0, NULL);
	plan_in.cmdline = "four";
	field(0x238, 4, 3, -EINVAL,
	      "bzImage: the command line has 4 bytes; cmdline_size (0x238) allows 3");
	field(0x238, 4, 4, 0, NULL);
}

static void truncated(void **state)
{
	(void)state;
	for (plan_in.image_size = 0; plan_in.image_size < BZ_SIZE; plan_in.image_size++) {
		int rc = plan_make();

		/* syssize counts units of 16 bytes, of which the last need not be whole. */
		assert_int_equal(rc, plan_in.image_size < 0x206		  ? -ENOENT
				     : plan_in.image_size <= BZ_SIZE - 16 ? -EINVAL
									  : 0);
		assert_null(plan_problem(rc));
	}
	plan_in.image_size = 0x263;
	refuses(-EINVAL, "bzImage: the file ends within the header, at 0x263 of 0x264");
	plan_in.image_size = 0x26b;
	refuses(-EINVAL, "bzImage: the file ends within the header, at 0x26b of 0x26c");
}

static void little_scratch(void **state)
{
	(void)state;
	plan_in.cmdline = "quiet";
	accepts();
	plan_scratch = plan.piece[plan.pieces - 1].size;
	accepts();
	while (plan_scratch) {
		plan_scratch -= MIN(plan_scratch, 61);
		assert_int_equal(plan_make(), -ENOMEM);
		assert_null(plan_problem(-ENOMEM));
	}
	refuses(-ENOMEM, "bzImage: command line, names and tables take more than 0 bytes");
}

/* Numbers that are near to a bound of something. */
static u64 odd_number(void)
{
	static const u64 near[] = { 0,	      1,	0x30,	  0x200,      0x300,	0x400,
				    0x700,    0x1000,	0x5000,	  0x80000,    0x9f000,	0x100000,
				    0x200000, 0x800000, 1u << 31, 0xffffffff, 1ul << 63 };
	u64 n = fake_random();

	return n & 1 ? n >> (n >> 1 & 63) : near[(n >> 8) % ARRAY_SIZE(near)] + (n >> 1) % 3 - 1;
}

static void random_headers(void **state)
{
	static const u64 known[] = { 0x1f1, 0x1f4, 0x201, 0x22c, 0x230, 0x238, 0x258, 0x260 };
	unsigned good = 0;

	fresh(state);
	fake_random_start();
	for (fake_step = 0; fake_step < 20000; fake_step++) {
		int rc;

		make_bzimage(image);
		put(image, 0x230, 4, 0x1000);
		for (u64 i = fake_random() % 4 + 1; i; i--) {
			u64 n = fake_random();

			put(image,
			    n & 7 ? known[(n >> 8) % ARRAY_SIZE(known)] : 0x1f1 + (n >> 8) % 0x80,
			    n & 8 ? 4 : 1, odd_number());
		}
		plan_in.image_size = fake_random() % 4 ? BZ_SIZE : fake_random() % BZ_SIZE;
		plan_in.modules = fake_random() % 3;
		for (unsigned m = 0; m < plan_in.modules; m++)
			plan_in.module[m] =
				(struct load_module){ module, 1 + fake_random() % sizeof(module),
						      NULL };
		plan_in.cmdline = fake_random() % 2 ? "quiet" : NULL;
		plan_scratch = fake_random() % 8 ? LOAD_SCRATCH : fake_random() % LOAD_SCRATCH;
		rc = plan_make();
		good += !rc;
		if (plan_problem(rc))
			fail_msg("%s; step %lu with SEED=%lu", plan_problem(rc), fake_step,
				 fake_seed);
	}
	CHECK(good > 1000 && good < 19000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(kernel_in_memory, fresh),
		cmocka_unit_test_setup(zero_page, fresh),
		cmocka_unit_test_setup(page_tables, fresh),
		cmocka_unit_test_setup(initrd, fresh),
		cmocka_unit_test_setup(each_field, fresh),
		cmocka_unit_test_setup(truncated, fresh),
		cmocka_unit_test_setup(little_scratch, fresh),
		cmocka_unit_test_setup(random_headers, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
