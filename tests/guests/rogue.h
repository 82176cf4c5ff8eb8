/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The cases of the rogue guest: see the table in rogue.c. */
#ifndef TESTS_GUESTS_ROGUE_H
#define TESTS_GUESTS_ROGUE_H

#include "tests/guests/rt.h"

typedef void rogue_case(struct vcpu *v, u32 variant);

/* rogue_cpu.c */
rogue_case rogue_triple_fault, rogue_hypercalls, rogue_loop, rogue_halt_off, rogue_puts,
	rogue_exceptions, rogue_reserved;
rogue_case rogue_task, rogue_debug, rogue_halt_idle;
/* rogue_exits.c */
rogue_case rogue_msrs, rogue_ports, rogue_instructions;
/* rogue_memory.c */
rogue_case rogue_noise, rogue_outside, rogue_jump, rogue_stack, rogue_sse, rogue_movs, rogue_forms,
	rogue_walk, rogue_mov;
/* rogue_apic.c */
rogue_case rogue_storm, rogue_timer, rogue_init, rogue_restart;

/* Reports a wrong outcome: the case as the address. */
static inline void rogue_expect(struct vcpu *v, u32 number, u64 value, u64 expected)
{
	v->checks++;
	if (value != expected)
		rt_wrong(v, WRONG_STATE, number, value, expected);
}

/* Runs fn(arg). Reports it when it raises anything but #UD or #GP. */
static inline bool rogue_allowed(struct vcpu *v, u32 number, void (*fn)(void *), void *arg)
{
	u32 vector = rt_try(fn, arg, v);

	if (vector != NO_FAULT && vector != 6)
		rogue_expect(v, number, vector, 13);
	return vector == NO_FAULT;
}

/* How many pages rogue_noise() fills: the last ones of RAM. */
u32 rogue_noise_pages(void);

#endif
