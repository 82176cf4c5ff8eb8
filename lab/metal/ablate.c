/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/metal/ablate.h"

#include "ept/protocol.h"
#include "mm/host.h"

u32 ablated;
static u32 noticed; /* the last that was */

static const char *const names[] = { "none",
#define PART(name, unused) name,
				     PARTS(PART) MORE_PARTS(PART)
#undef PART
};

/* As lab/guest.c has it for the model. */
u64 load_without(const char *name, const void *p, u64 v)
{
	if (!strcmp(name, "check_requests") || !strcmp(name, "gate_requests"))
		return 0;
	if (!strcmp(name, "check_generation") || !strcmp(name, "gate_generation"))
		return ((const struct ept *)((const char *)p - offsetof(struct ept, generation)))
			->flushed[this_cpu()->index];
	if (!strcmp(name, "kick_mode"))
		return MODE_OUTSIDE;
	if (!strcmp(name, "wait_mode"))
		return v + 4;
	if (!strcmp(name, "copy_kept") || !strcmp(name, "put_copy"))
		return 0;
	return v & ~P_MOVING;
}

/* NAME is "FIRST<>SECOND". */
static bool is_pair(const char *name, const char *first, const char *second)
{
	size_t n = strlen(first);

	return strlen(name) > n + 2 && !memcmp(name, first, n) && !memcmp(name + n, "<>", 2) &&
	       !strcmp(name + n + 2, second);
}

unsigned ablate_order(const char *name, const char *const *names, unsigned n, u8 *order)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < n; i++) {
		if (i + 1 < n && is_pair(name, names[i], names[i + 1])) {
			order[kept++] = (u8)(i + 1);
			order[kept++] = (u8)i++;
		} else if (strcmp(name, names[i])) {
			order[kept++] = (u8)i;
		}
	}
	return kept;
}

const char *ablate_begin(const char *name, const char *protocol)
{
	ablated = 0;
	while (strcmp(name, names[ablated]))
		ablated++;
	if (ablated && strcmp(protocol, "ordered"))
		return "ablate names a part of protocol = ordered; it goes with no other";
	ablate_steps(name);
	ablate_gate(name);
	if (ablated)
		printk("left out, or swapped: %s\n", name);
	return NULL;
}

void ablate_end(bool held)
{
	if (!held)
		noticed = ablated;
}

bool ablate_noticed(const char *name)
{
	if (!noticed || strcmp(name, names[noticed]))
		return false;
	printk("@json {\"result\":\"skipped\",\"exit\":0,\"ablate\":\"%s\"}\n", name);
	return true;
}
