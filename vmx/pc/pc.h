/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PC that a guest sees beside its CPUs and memory: interrupt controllers, timers, a serial port, a
 * clock, power. The devices are state machines; here is what joins them: the ports, the lines, the
 * time, and one lock.
 */
#ifndef VMX_PC_PC_H
#define VMX_PC_PC_H

#include "apic/ioapic.h"
#include "mm/lock.h"
#include "vmx/mmio.h"
#include "vmx/pc/fwcfg.h"
#include "vmx/pc/pci.h"
#include "vmx/pc/pic.h"
#include "vmx/pc/pit.h"
#include "vmx/pc/pm.h"
#include "vmx/pc/rtc.h"
#include "vmx/pc/uart.h"

struct guest;
struct vcpu;

struct pc {
	struct lock lock; /* of all that follows. Held for one access, never over another lock */
	u64 start;	  /* tick: the devices' time counts from here */
	u64 polled;	  /* tick of the last pc_poll() */
	u32 lines;	  /* a bit for each IRQ that is asserted */
	u32 intr;	  /* the 8259s ask for an interrupt; also read without the lock */
	u64 edges;	  /* of the PIT's OUT 0, that are to be raised */
	u64 edge_at;	  /* in ns: the last that was */
	struct ioapic ioapic;
	struct pic pic;
	struct pit pit;
	struct rtc rtc;
	struct uart uart;
	struct pm pm;
	struct fwcfg fwcfg;
	struct pci pci;

	/* The line of text that the guest is writing to its serial port. */
	char line[120];
	u32 line_length;
	u64 lines_shown;
	u64 written; /* tick of its last character */
};

/* As after power-on. Before the guest runs. */
void pc_reset(struct guest *g);

/* An access of V's to PORT, of SIZE bytes, 1, 2 or 4. Where there is nothing, reads are ones and
 * writes go nowhere. V is OUTSIDE. */
u32 pc_in(struct vcpu *v, u16 port, unsigned size);
void pc_out(struct vcpu *v, u16 port, unsigned size, u32 value);

/* Lets the devices' time pass: raises what is due. Often, on CPU 0. */
void pc_poll(struct guest *g);

/* A byte comes in on the serial port. False: no room, try again later. From any CPU. */
bool pc_receive(struct guest *g, u8 byte);

#endif
