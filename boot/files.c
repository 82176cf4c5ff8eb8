/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "boot/efi.h"
#include "boot/files.h"
#include "boot/power.h"
#include "mm/host.h"

#define FILES_MAX 16

static struct boot_file files[FILES_MAX];
static u32 count;

const struct boot_file *file_find(const char *name)
{
	for (u32 i = 0; i < count; i++)
		if (!strcmp(files[i].name, name))
			return &files[i];
	return NULL;
}

static void read(const char *key, const char *name)
{
	CHAR16 wide[FILE_NAME_MAX];
	struct boot_file *file = &files[count];

	if (!name[0] || file_find(name))
		return;
	if (count == FILES_MAX)
		setup_error("interlock.cfg: it names more than %u files", FILES_MAX);
	for (u32 i = 0; i < FILE_NAME_MAX; i++)
		wide[i] = (CHAR16)(u8)name[i];
	switch (efi_read_file(wide, &file->data, &file->size)) {
	case FILE_THERE:
		break;
	case FILE_MISSING:
		setup_error("interlock.cfg: %s = %s: there is no such file beside it", key, name);
	case FILE_BROKEN:
		setup_error("interlock.cfg: %s = %s: the firmware cannot read it", key, name);
	case FILE_TOO_LARGE:
		setup_error("interlock.cfg: %s = %s: too large for the memory there is", key, name);
	}
	printk("%s: %lu KB\n", name, (file->size + 1023) >> 10);
	memcpy(file->name, name, strlen(name) + 1);
	count++;
}

void files_read(const struct config *cfg)
{
	char name[FILE_NAME_MAX];

	for (u32 i = 0; i < cfg->nruns; i++) {
		if (!config_is_image(&cfg->run[i]))
			continue;
		read("guest", cfg->run[i].guest);
		for (const char *next = cfg->run[i].initrd; (next = config_file(next, name));)
			read("initrd", name);
	}
}
