/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The trace: a ring of events per CPU, written without locks by its CPU alone, read when the machine has stopped. */
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
	for (u32 i = 0; i < MAX_CPUS && cpus[i]; i++) {
		const struct percpu *p = percpu_of(cpus[i]);
		u64 shown = MIN(MIN(p->traced, count), TRACE_EVENTS);

		for (u64 at = p->traced - shown; at < p->traced; at++) {
			const struct trace_event *e = &p->ring[at % TRACE_EVENTS];

			printk("  CPU %u  tick %lu  %s 0x%lx 0x%lx\n", i, e->tsc,
			       e->event, e->a, e->b);
		}
	}
}
