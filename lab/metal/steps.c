/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The invalidator of the lab build: the shipped file is compiled here, so that `ordered` can be had
 * without one of its steps.
 */
#define protocol_find shipped_protocol_find
#include "ept/protocol.c"
#undef protocol_find

#include "lab/metal/ablate.h"

static struct protocol ordered;

void ablate_steps(const char *name)
{
	const struct protocol *shipped = shipped_protocol_find("ordered");
	const char *names[ARRAY_SIZE(shipped->steps)];
	u8 order[ARRAY_SIZE(shipped->steps)];
	unsigned n = 0;

	while (shipped->steps[n].run) {
		names[n] = shipped->steps[n].name;
		n++;
	}
	n = ablate_order(name, names, n, order);
	ordered = (struct protocol){ .name = shipped->name,
				     .gated = shipped->gated && !without("gated") };
	for (unsigned i = 0; i < n; i++)
		ordered.steps[i] = shipped->steps[order[i]];
}

const struct protocol *protocol_find(const char *name)
{
	return strcmp(name, ordered.name) ? shipped_protocol_find(name) : &ordered;
}
