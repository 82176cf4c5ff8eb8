/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest that misbehaves. vCPU 0 does one bad thing, the others make patrol's rounds.
 * guest_info.arg: bits 7:0 the case, bits 15:8 a variant of it.
 *
 * case                                 variants                        expected
 *    0  triple fault                                                     stopped
 *    1  unknown hypercalls                                               -ENOSYS each; goes on
 *    2  memory outside RAM               0, 1 read, write 1 GB;          ones; goes on
 *                                        2 fee01000h; 3 fed00000h;
 *                                        4 4 GB; 5 end of RAM
 *                                        6 instruction fetch at 1 GB     stopped
 *    3  jump into the APIC page                                          stopped
 *    4  CLI, endless loop                                                reported stuck
 *    5  CLI, HLT                                                         reported stuck
 *    6  stack in the APIC page           0 PUSH; 1 CALL; 2 INT3; 3 IST   stopped
 *    7  PUTS with wild arguments                                         -EFAULT, -EINVAL; goes on
 *    8  SSE read of an APIC register                                     stopped
 *    9  REP MOVSB from the APIC page                                     stopped
 *   10  other accesses to ICR            0 XCHG; 1 LOCK OR; 2 8-bit;     stopped, or goes on
 *                                        3 16-bit; 4 64-bit; 5 CMP;
 *                                        6 unaligned
 *   11  IPIs of all modes and vectors                                    goes on
 *   12  timer, initial count 1                                           goes on
 *   13  exceptions without end           0 #UD in #UD; 1 #DB in #DB      reported stuck
 *   14  reserved bits of CR0, 3, 4, 8                                    #GP each; goes on
 *   15  INIT                             0 to itself, all ways           goes on
 *                                        1 to vCPU 1                     reported stuck
 *   16  task switch                                                      stopped
 *   17  reserved DR6, DR7 bits; GD                                       #GP, #DB; goes on
 *   18  every MSR                        0 read; 1 write; 2 APIC base    value or #GP; goes on
 *   19  every port but those that end    0 IN, OUT                       goes on
 *       the machine                      1 also REP OUTS; 2 REP INS      #PF where nothing is
 *                                                                        mapped; goes on
 *   20  INVD, MWAIT, RDPMC, and more     0                               done, #UD, #GP; goes on
 *                                        1 CLFLUSH of the APIC page      stopped, or goes on
 *   21  page walk to the APIC page       0 page directory; 1 CR3         stopped
 *   22  HLT with nothing to come                                         reported stuck
 *   23  INIT, SIPI to others for ever                                    goes on
 *   24  MOV to the APIC in many forms,   0                               goes on
 *       across a page boundary           1 also 32-bit addresses         stopped, or goes on
 *   25  noise over all of RAM but 6 MB   0 with a budget that is less    stopped
 *                                        0 without one                   goes on
 *
 * What goes on repeats in each round until the hypervisor says finish, with no wrong value. A vCPU
 * that is stuck never calls again: the hypervisor reports it, and memory moves on all the same.
 */
#include "tests/guests/data.h"
#include "tests/guests/patrol.h"
#include "tests/guests/rogue.h"

static void (*const cases[])(struct vcpu *v, u32 variant) = {
	rogue_triple_fault, rogue_hypercalls, rogue_outside,   rogue_jump,	 rogue_loop,
	rogue_halt_off,	    rogue_stack,      rogue_puts,      rogue_sse,	 rogue_movs,
	rogue_forms,	    rogue_storm,      rogue_timer,     rogue_exceptions, rogue_reserved,
	rogue_init,	    rogue_task,	      rogue_debug,     rogue_msrs,	 rogue_ports,
	rogue_instructions, rogue_walk,	      rogue_halt_idle, rogue_restart,	 rogue_mov,
	rogue_noise,
};

#define CASE_RESTART 23
#define CASE_NOISE 25

static volatile bool calm;

/* A vCPU that is started over and over: nothing that an INIT may not cut short. */
static void victim(struct vcpu *v)
{
	while (!calm) {
		for (u32 i = 0; i < 100 && !calm; i++) {
			check_apic(v);
			check_tpr(v);
		}
		rt_round(v);
	}
	apic_timer_start(v, PATROL_TIMER_TICKS);
	irq_enable();
	patrol_finish(v);
}

void guest_main(struct vcpu *v)
{
	u32 number = GUEST_INFO->arg & 0xff, variant = GUEST_INFO->arg >> 8 & 0xff;

	if (number == CASE_NOISE)
		data_spare(rogue_noise_pages());
	if (v->id != 0) {
		if (number == CASE_RESTART)
			victim(v);
		apic_timer_start(v, PATROL_TIMER_TICKS);
		irq_enable();
		patrol_rounds(v, PATROL_PAGES);
	}

	/* No IPIs to this vCPU: it may never take them. One that was just being sent arrives
	 * meanwhile. */
	v->state = VCPU_CLOSING;
	apic_timer_start(v, PATROL_TIMER_TICKS);
	irq_enable();
	rt_pause(100000);
	if (number >= ARRAY_SIZE(cases)) {
		rt_puts("no such case");
		patrol_finish(v);
	}
	/* A first round as it should be, so that memory is moving when the misdeed comes. */
	data_visit(v);
	rt_round(v);
	do {
		cases[number](v, variant);
		data_visit(v);
		check_apic(v);
	} while (!rt_round(v));
	calm = true;
	patrol_finish(v);
}
