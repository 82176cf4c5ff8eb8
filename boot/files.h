/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files that the configuration names: guests' images and what goes with them. */
#ifndef BOOT_FILES_H
#define BOOT_FILES_H

#include "boot/config.h"

struct boot_file {
	char name[FILE_NAME_MAX]; /* from \ on */
	u8 *data;
	u64 size;
};

/* Reads all files that CFG names from the volume that Interlock was loaded from, each once. What is
 * not there is a set-up error. While there is firmware. */
void files_read(const struct config *cfg);

/* One of those. */
const struct boot_file *file_find(const char *name);

#endif
