/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is in a guest's memory before it runs. */
#ifndef BOOT_POPULATE_H
#define BOOT_POPULATE_H

#include "boot/config.h"
#include "vmx/guest.h"

/* The pages that have to be there before the guest runs. An image's are not counted: reclaim may
 * take them out again while it is loaded. */
u64 populate_pages(const struct run_config *c);

/* Loads the guest that C names into G, and says how it starts. NULL, or why it cannot be, good until
 * the next call. On CPU 0, before G runs. */
const char *populate(struct guest *g, const struct run_config *c);

#endif
