/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The trace: a ring of events per CPU, written without locks by its CPU alone, read when the
 * machine has stopped. */
#include "boot/panic.h"
#include "boot/smp.h"
#include "mm/x86.h"

void trace(const char *event, u64 a, u64 b)
{
	struct percpu *p;

	if (!percpu_ready)
		return;
	p = percpu_of(this_cpu());
	p->ring[p->traced % TRACE_EVENTS] = (struct trace_event){ event, rdtsc(), a, b };
	p->traced++;
}

void trace_print(u32 count)
{
	u64 next[MAX_CPUS];

	for (u32 i = 0; i < ncpus; i++) {
		u64 traced = percpu_of(cpus[i])->traced;

		next[i] = traced - MIN(MIN(traced, count), TRACE_EVENTS);
	}
	for (;;) {
		const struct trace_event *first = NULL;
		u32 whose = 0;

		for (u32 i = 0; i < ncpus; i++) {
			const struct percpu *p = percpu_of(cpus[i]);
			const struct trace_event *e = &p->ring[next[i] % TRACE_EVENTS];

			if (next[i] < p->traced && (!first || e->tsc < first->tsc)) {
				first = e;
				whose = i;
			}
		}
		if (!first)
			return;
		next[whose]++;
		printk("  tick %lu  CPU %u  %s 0x%lx 0x%lx\n", first->tsc, whose, first->event,
		       first->a, first->b);
	}
}
