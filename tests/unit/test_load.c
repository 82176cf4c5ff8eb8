/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Of what kind a guest image is; flat images; the memory map; what pieces of memory are let through.
 * links: boot/load.c boot/bzimage.c boot/multiboot.c boot/elf.c boot/format.c tests/unit/plans.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "boot/loader.h"
#include "tests/unit/images.h"
#include "tests/unit/plans.h"

#define UNKNOWN                                                                                    \
	"image: neither a bzImage (\"HdrS\" at 0x202) nor multiboot (a header in the first 8192 "  \
	"bytes) nor flat (a name ending .bin or .flat)"

static u8 image[0x98000];

static int fresh(void **state)
{
	(void)state;
	memset(image, 0, sizeof(image));
	put_pattern(image, 0, 0x1000);
	plan_in = (struct load_input){
		.name = "guest.bin", .image = image, .image_size = 0x1000, .ram = 8 << 20
	};
	plan_scratch = LOAD_SCRATCH;
	return 0;
}

static void accepts(const char *kind)
{
	int rc = plan_make();

	if (rc)
		fail_msg("%s", plan_err);
	assert_null(plan_problem(rc));
	assert_string_equal(plan.kind, kind);
}

static void refuses(int error, const char *message)
{
	assert_int_equal(plan_make(), error);
	assert_string_equal(plan_err, message);
}

static void flat(void **state)
{
	(void)state;
	accepts("flat");
	assert_int_equal(plan.pieces, 1);
	assert_memory_equal(plan_at(0x8000, 0x1000), image, 0x1000);
	assert_int_equal(plan.start.mode, START_REAL);
	assert_int_equal(plan.start.rip, 0x8000);
	plan_scratch = 0;
	plan_in.cmdline = "";
	accepts("flat");
	plan_in.image_size = 0x97000;
	accepts("flat");
	plan_in.image_size = 0x97001;
	refuses(-EINVAL, "flat: the image: 0x97001 bytes at 0x8000; an image may lie in 0..0x9f000 "
			 "and 0x100000..0x800000");
	plan_in.image_size = 0;
	refuses(-EINVAL, "flat: the file is empty");
	plan_in.image_size = 1;
	accepts("flat");
	plan_in.cmdline = "x";
	refuses(-EINVAL, "flat: a command line or a module is only for bzImage and multiboot");
	plan_in.cmdline = NULL;
	plan_in.modules = 1;
	plan_in.module[0] = (struct load_module){ image, 1, NULL };
	refuses(-EINVAL, "flat: a command line or a module is only for bzImage and multiboot");
}

static void names(void **state)
{
	static const char *const good[] = { ".bin", ".flat", "a.bin", "a.flat", "\\a.b.bin" };
	static const char *const bad[] = { "", "bin", "flat", "a.bin.", "a.BIN", "a.bi", "a.binx" };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(good); i++) {
		plan_in.name = good[i];
		accepts("flat");
	}
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		plan_in.name = bad[i];
		refuses(-ENOENT, UNKNOWN);
	}
	plan_in.name = NULL;
	refuses(-ENOENT, UNKNOWN);
}

/* What has a header is not flat, whatever its name; bzImage's comes first. */
static void headers_first(void **state)
{
	(void)state;
	make_elf32(image, 0);
	accepts("multiboot");
	make_bzimage(image);
	put_multiboot(image, 0x40, 0);
	accepts("bzImage");
	put(image, 0x202, 1, 'h');
	refuses(-EINVAL, "multiboot: neither an ELF file nor, by flag 16, address fields in the "
			 "header");
	/* Four bytes of a header are not one. */
	put(image, 0x44, 1, 1);
	accepts("flat");
	put(image, 0x202, 1, 'H');
	put(image, 0x1fe, 2, 0);
	refuses(-EINVAL, "bzImage: boot_flag (0x1fe) is 0x0, not 0xaa55");
}

static void ram(void **state)
{
	(void)state;
	plan_in.ram = 2 << 20;
	accepts("flat");
	plan_in.ram = 1 << 30;
	accepts("flat");
	plan_in.ram = (2 << 20) - 4096;
	refuses(-EINVAL,
		"image: 2093056 bytes of RAM; allowed are whole pages, 2097152..1073741824");
	plan_in.ram = (1 << 30) + 4096;
	refuses(-EINVAL,
		"image: 1073745920 bytes of RAM; allowed are whole pages, 2097152..1073741824");
	plan_in.ram = (2 << 20) + 1;
	refuses(-EINVAL,
		"image: 2097153 bytes of RAM; allowed are whole pages, 2097152..1073741824");
}

/* Ascending, disjoint, each in whole KB; RAM but for the hole of a PC. */
static void memory_map(void **state)
{
	static const u64 sizes[] = { 2 << 20, 8 << 20, (8 << 20) + 4096, 1 << 30 };
	struct load_range map[LOAD_RANGES];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		u64 end = 0, usable = 0;

		load_memory_map(sizes[i], map);
		for (unsigned j = 0; j < LOAD_RANGES; j++) {
			assert_true(map[j].gpa >= end);
			assert_true(map[j].size && map[j].size % 1024 == 0);
			assert_true(map[j].type == MEMORY_RAM || map[j].type == MEMORY_RESERVED);
			end = map[j].gpa + map[j].size;
			usable += map[j].type == MEMORY_RAM ? map[j].size : 0;
		}
		assert_int_equal(usable, sizes[i] - 0x60400);
		assert_int_equal(map[2].gpa, 0xe0000);
		assert_int_equal(map[2].size, 0x20000);
		assert_int_equal(map[4].gpa, 0xfec00000);
		assert_int_equal(map[5].gpa, 0xfee00000);
	}
}

/* A message is cut to fit, also where only its start does. */
static void short_messages(void **state)
{
	static const char whole[] = UNKNOWN;
	struct load_plan p;
	char err[sizeof(whole) + 1];

	(void)state;
	plan_in.name = "x";
	for (size_t size = 0; size <= sizeof(whole); size++) {
		memset(err, 0x7e, sizeof(err));
		assert_int_equal(load_plan(&plan_in, NULL, 0, &p, err, size), -ENOENT);
		if (size) {
			assert_int_equal(strlen(err), MIN(size, sizeof(whole)) - 1);
			assert_memory_equal(err, whole, strlen(err));
		}
		for (size_t i = size; i < sizeof(err); i++)
			assert_int_equal(err[i], 0x7e);
	}
}

/* Scratch memory beyond what lies below Linux's place for a BIOS's data is not used. */
static void much_scratch(void **state)
{
	static char words[0x40000];

	(void)state;
	make_bzimage(image);
	put(image, 0x238, 4, sizeof(words));
	memset(words, 'w', sizeof(words) - 1);
	plan_in.cmdline = words;
	plan_scratch = 0x40000;
	refuses(-ENOMEM, "bzImage: command line, names and tables take more than 262144 bytes");
	words[0x10000] = '\0';
	accepts("bzImage");
	assert_int_equal(plan.piece[plan.pieces - 1].gpa, 0x10000);
	plan_scratch = LOAD_SCRATCH;
	words[8192] = '\0';
	accepts("bzImage");
	words[8192] = 'w';
	refuses(-ENOMEM, "bzImage: command line, names and tables take more than 65536 bytes");
}

/* What load_add() lets through beside what is there already. */
static void pieces(void **state)
{
	static const struct {
		u64 gpa, size;
		bool fits;
	} tries[] = {
		{ 0, 0x9f000, true },
		{ 0, 0x1000, true },
		{ 0x9efff, 1, true },
		{ 0x9efff, 2, false },
		{ 0x9f000, 1, false },
		{ 0xfffff, 1, false },
		{ 0x100000, 0x1000, true },
		{ 0x100000, 0x100000, true },
		{ 0x100000, 0x100001, false },
		{ 0x200000, 1, false },
		{ 0x200fff, 1, false },
		{ 0x201000, 0x1ff000, true },
		{ 0x1fffff, 2, false },
		{ 0x3fffff, 1, true },
		{ 0x3fffff, 2, false },
		{ 0x400000, 1, false },
		{ 1ul << 63, 1ul << 63, false },
		{ 0x201000, -0x201000ul, false },
		{ -1ul, 1, false },
		{ 0x1ff000, 0x3000, false },
		{ 0x200800, 0x10, false },
		{ 0x9f000, 0, true },
	};
	struct load_input in = { .ram = 4 << 20 };
	char err[200];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(tries); i++) {
		struct load_plan p = { .kind = "test" };
		struct loader l = { .in = &in, .plan = &p, .err = err, .err_size = sizeof(err) };

		assert_int_equal(load_add(&l, "first", 0x200000, NULL, 0x1000), 0);
		assert_int_equal(load_add(&l, "it", tries[i].gpa, NULL, tries[i].size),
				 tries[i].fits ? 0 : -EINVAL);
		assert_int_equal(p.pieces, 1 + (tries[i].fits && tries[i].size));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(flat, fresh),
		cmocka_unit_test_setup(names, fresh),
		cmocka_unit_test_setup(headers_first, fresh),
		cmocka_unit_test_setup(ram, fresh),
		cmocka_unit_test(memory_map),
		cmocka_unit_test_setup(short_messages, fresh),
		cmocka_unit_test_setup(much_scratch, fresh),
		cmocka_unit_test(pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
