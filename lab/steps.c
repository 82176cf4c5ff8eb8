/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The invalidator's steps as data: the shipped file is compiled here, so that a test can name its
 * steps and put them in another order.
 */
#include "ept/protocol.c"

#include "lab/lab.h"

static const struct step all[] = { S(begin),	     S(unmap), S(publish_reload),
				   S(publish_flush), S(kick),  S(wait),
				   S(copy),	     S(clear), S(rebind),
				   S(release),	     S(end) };

const char *step_name(const char *name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(all); i++)
		if (!strcmp(all[i].name, name))
			return all[i].name;
	return NULL;
}

/* The test's protocol, with what is to be left out left out, and pairs "a<>b" swapped. */
const struct protocol *protocol_of_test(void)
{
	static struct protocol p;
	const struct protocol *shipped = protocol_find(test->protocol);
	unsigned n = 0;

	p = (struct protocol){ .name = test->name,
			       .gated = test->own_steps ? test->gated : shipped->gated };
	for (unsigned i = 0; test->own_steps ? i < test->nsteps : !!shipped->steps[i].run; i++) {
		const char *name = test->own_steps ? test->steps[i] : shipped->steps[i].name;

		for (unsigned k = 0; k < ARRAY_SIZE(all); k++)
			if (!without(name) && !strcmp(all[k].name, name))
				p.steps[n++] = all[k];
	}
	for (unsigned i = 0; i + 1 < n; i++)
		if (without_swap(p.steps[i].name, p.steps[i + 1].name)) {
			struct step s = p.steps[i];

			p.steps[i] = p.steps[i + 1];
			p.steps[i + 1] = s;
			break;
		}
	p.gated &= !without("gated");
	return &p;
}
