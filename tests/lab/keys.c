/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is a key enough to know a state by? Random walks through the tests named on the command line, each
 * under both memory models: states with the same key must offer the same choices and lead, by each of
 * them, to the same keys; undoing a step must bring the key back, doing it again the next one. Speaks
 * TAP.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/lab.h"

#define STATES (1u << 17)
#define WALKS 400
#define LONGEST 400

static struct seen {
	u64 key, next[ACTORS * OPTIONS];
	u32 enabled;
} seen[STATES];

static struct seen *find(u64 key)
{
	unsigned i = (unsigned)key % STATES;

	while (seen[i].key && seen[i].key != key)
		i = (i + 1) % STATES;
	return &seen[i];
}

static unsigned pick(u32 set)
{
	unsigned n = (unsigned)random() % (unsigned)__builtin_popcount(set);

	while (n--)
		set &= set - 1;
	return (unsigned)__builtin_ctz(set);
}

/* What is wrong, or NULL. */
static const char *walk_once(void)
{
	struct seen *before = NULL;
	unsigned choice = 0;

	world_start();
	while (world_depth() < LONGEST) {
		u32 enabled = world_enabled();
		u64 key = world_key().a, next;
		struct seen *s = find(key);

		if (!s->key) {
			s->key = key;
			s->enabled = enabled;
		}
		if (s->enabled != enabled)
			return "states of one key offer different choices";
		if (before && before->next[choice] && before->next[choice] != key)
			return "states of one key lead to different ones";
		if (before)
			before->next[choice] = key;
		if (!enabled)
			break;
		before = s;
		choice = pick(enabled);
		world_step(choice);
		next = world_key().a;
		world_undo();
		if (world_key().a != key || world_enabled() != enabled)
			return "undoing a step does not bring the state back";
		if (!world_step(choice))
			break;
		if (world_key().a != next)
			return "a step leads to another state when it is done again";
	}
	return NULL;
}

int main(int argc, char **argv)
{
	static struct litmus l;
	int bad = 0, n = 0;
	char err[300];

	printf("1..%d\n", 2 * (argc - 1));
	for (int i = 1; i < argc; i++) {
		if (!litmus_read(&l, argv[i], err, sizeof(err))) {
			printf("Bail out! %s\n", err);
			return 2;
		}
		test = &l;
		ablate_as_test();
		for (int tso = 0; tso < 2; tso++) {
			const char *wrong = NULL;

			opt.tso = tso;
			opt.naive = true; /* each event is a choice */
			memset(seen, 0, sizeof(seen));
			srandom(1);
			for (unsigned walk = 0; walk < WALKS && !wrong; walk++)
				wrong = walk_once();
			printf("%s %d - %s %s%s%s\n", wrong ? "not ok" : "ok", ++n, l.name,
			       tso ? "tso" : "sc", wrong ? ": " : "", wrong ? wrong : "");
			bad |= !!wrong;
		}
	}
	return bad;
}
