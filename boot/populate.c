/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "boot/files.h"
#include "boot/guests.h"
#include "boot/load.h"
#include "boot/populate.h"
#include "vmx/pc/acpi.h"
#include "vmx/pc/bios.h"

static char why[300];

static const struct guest_image *image_find(const char *name)
{
	for (u32 i = 0; i < guest_image_count; i++)
		if (!strcmp(guest_images[i].name, name))
			return &guest_images[i];
	return NULL;
}

static u64 image_size(const struct guest_image *image)
{
	return (u64)(image->end - image->start);
}

u64 populate_pages(const struct run_config *c)
{
	if (config_is_image(c))
		return 0;
	return (image_size(image_find(c->guest)) + PAGE_SIZE - 1) / PAGE_SIZE + 1; /* info page */
}

/* A guest that knows Interlock: a flat image, and a page that tells it where it is. */
static int load_own(struct guest *g, const struct run_config *c)
{
	const struct guest_image *image = image_find(c->guest);
	struct guest_info info = { .magic = GUEST_INFO_MAGIC,
				   .vcpus = g->nvcpus,
				   .ram_pages = (u32)g->backing.ram_pages,
				   .arg = c->arg,
				   .seed = c->seed,
				   .ticks_per_us = g->ticks_per_us,
				   .budget_pages = (u32)g->budget };
	int err = guest_load(g, GUEST_LOAD_GPA, image->start, image_size(image));

	return err ? err : guest_load(g, GUEST_INFO_GPA, &info, sizeof(info));
}

/* Before the image. One that lies at 0 has other plans for that memory, and counts on zeroes. */
static int load_bios(struct guest *g, const struct load_plan *p)
{
	int err;

	for (unsigned i = 0; i < p->pieces; i++)
		if (p->piece[i].gpa < BIOS_LOW_GPA + BIOS_LOW_SIZE)
			return 0;
	err = guest_load(g, BIOS_LOW_GPA, bios_low, BIOS_LOW_SIZE);
	return err ? err : guest_load(g, BIOS_CODE_GPA, bios_code, bios_code_size);
}

static int load_acpi(struct guest *g)
{
	static u8 tables[2 * PAGE_SIZE] __attribute__((aligned(ACPI_TABLES_ALIGN)));
	struct acpi_config config = { .cpus = g->nvcpus,
				      .dsdt = dsdt_aml,
				      .dsdt_size = dsdt_aml_size };
	long size = acpi_tables(tables, sizeof(tables), ACPI_TABLES_GPA, &config);

	return size < 0 ? (int)size : guest_load(g, ACPI_TABLES_GPA, tables, (u64)size);
}

static int load_image(struct guest *g, const struct run_config *c)
{
	static u8 scratch[LOAD_SCRATCH];
	static struct load_plan plan;
	const struct boot_file *image = file_find(c->guest);
	char name[FILE_NAME_MAX];
	struct load_input in = { .name = c->guest,
				 .image = image->data,
				 .image_size = image->size,
				 .cmdline = c->cmdline,
				 .ram = g->backing.ram_pages << PAGE_SHIFT,
				 .acpi = ACPI_TABLES_GPA };
	int used = format(why, sizeof(why), "%s: ", c->guest), err;

	for (const char *at = c->initrd, *next; (next = config_file(at, name)); at = next) {
		const struct boot_file *file = file_find(name);

		in.module[in.modules++] = (struct load_module){ file->data, file->size, at };
	}
	err = load_plan(&in, scratch, sizeof(scratch), &plan, why + used,
			sizeof(why) - (size_t)used);
	if (err)
		return err;
	err = load_bios(g, &plan);
	for (unsigned i = 0; !err && i < plan.pieces; i++) {
		const struct load_piece *piece = &plan.piece[i];

		if (piece->from) /* memory is zero as it comes */
			err = guest_load(g, piece->gpa, piece->from, piece->size);
	}
	if (err) {
		format(why, sizeof(why), "%s: not enough memory to load it (mem)", c->guest);
		return err;
	}
	printk("%s: %s, %lu KB\n", c->guest, plan.kind, image->size >> 10);
	guest_start_at(g, &plan.start);
	return load_acpi(g);
}

const char *populate(struct guest *g, const struct run_config *c)
{
	int err;

	format(why, sizeof(why), "not enough memory for the guest");
	err = config_is_image(c) ? load_image(g, c) : load_own(g, c);
	return err ? why : NULL;
}
