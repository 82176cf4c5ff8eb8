/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/jobs.h"
#include "lab/table.h"

#define MAGIC 0x31706b636f6c7469ull

/* Keys hold addresses of names, so another build's states are other states. */
static u64 program(void)
{
	FILE *f = fopen("/proc/self/exe", "r");
	u64 h = 1, word;

	while (f && fread(&word, sizeof(word), 1, f) == 1)
		h = mix(h, word);
	if (f)
		fclose(f);
	return h;
}

static u64 fingerprint(void)
{
	u64 h = mix(program() + (opt.tso | opt.naive << 1 | opt.stateless << 2),
		    (u64)opt.preemptions);
	const u8 *p = (const u8 *)test;

	for (size_t i = 0; i < sizeof(*test); i++)
		h = mix(h, p[i]);
	for (unsigned i = 0; i < nablations; i++)
		for (const char *c = ablations[i]; *c; c++)
			h = mix(h, (u8)*c);
	return h;
}

void checkpoint_save(const char *file, double seconds)
{
	static char name[4096];
	u64 head[2] = { MAGIC, fingerprint() };
	struct counts n;
	FILE *f;
	bool ok;

	/* One that is there already stays whole until this one is. */
	snprintf(name, sizeof(name), "%s.new", file);
	f = fopen(name, "w");
	file_sum = 0;
	add_up(&n);
	ok = f && file_put(f, head, sizeof(head)) && file_put(f, &n, sizeof(n)) &&
	     file_put(f, &seconds, sizeof(seconds)) && file_put(f, &sh->ntasks, sizeof(sh->ntasks));
	for (unsigned i = 0; ok && i < sh->ntasks; i++)
		ok = file_put(f, &sh->task[sh->order[i]], sizeof(struct task));
	ok = ok && table_save(f) && fwrite(&file_sum, sizeof(file_sum), 1, f) == 1;
	if (f && fclose(f))
		ok = false;
	if (!ok || rename(name, file)) {
		fprintf(stderr, "explore: %s: %s\n", file, strerror(errno));
		exit(2);
	}
	fprintf(stderr, "explore: what is left is in %s; --resume %s goes on with it\n", file,
		file);
}

double checkpoint_load(const char *file)
{
	static struct task t;
	FILE *f = fopen(file, "r");
	u64 head[2], sum;
	double seconds;
	unsigned n;
	bool ok;

	file_sum = 0;
	ok = f && file_get(f, head, sizeof(head));
	if (!ok || head[0] != MAGIC) {
		fprintf(stderr, "explore: %s: %s\n", file,
			f ? "no checkpoint of this program" : strerror(errno));
		exit(2);
	}
	if (head[1] != fingerprint()) {
		fprintf(stderr, "explore: %s is of another test, model, set of options or build\n",
			file);
		exit(2);
	}
	ok = file_get(f, &sh->counts[0], sizeof(sh->counts[0])) &&
	     file_get(f, &seconds, sizeof(seconds)) && file_get(f, &n, sizeof(n)) && n <= MAX_TASKS;
	for (unsigned i = 0; ok && i < n; i++) {
		ok = file_get(f, &t, sizeof(t)) && t.length < MAX_DEPTH;
		if (ok)
			put_task(&t);
	}
	if (!ok || !table_load(f) || fread(&sum, sizeof(sum), 1, f) != 1 || sum != file_sum) {
		fprintf(stderr,
			"explore: %s is cut short or damaged, or its states need more --memory\n",
			file);
		exit(2);
	}
	fclose(f);
	return seconds;
}
