/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a guest switches itself off, starts anew or ends: the ACPI PM1a registers and the PM timer (ACPI
 * 5.1, 4.8.3), the ports that reset a PC, and the port by which test kernels end an emulator. The only
 * fixed event is the PM timer's. ACPI mode is always on. The caller serializes.
 */
#ifndef VMX_PC_PM_H
#define VMX_PC_PM_H

#include "mm/types.h"

#define PM_EVENT 0x600	 /* PM1a status, enable: 16 bits each */
#define PM_CONTROL 0x604 /* PM1a control, 16 bits */
#define PM_TIMER 0x608	 /* 32 bits */
#define PM_END 0x60c
#define PM_SCI 9
#define PM_TIMER_HZ 3579545u
/* What \_S5 in dsdt.asl says. 0 is QEMU's: test kernels write 0x2000 to PM_CONTROL. */
#define PM_S5 0

#define RESET_CONTROL 0xcf9 /* only for accesses of a byte: 0xcf8 with four is PCI's */
#define RESET_CONTROL_HARD 6
#define RESET_KEYBOARD 0x64 /* there is no keyboard controller but for this */
#define RESET_PORT_A 0x92
#define EXIT_PORT 0xf4 /* QEMU's isa-debug-exit; 1, 2 or 4 bytes */

struct pm {
	u16 status, enable, control;
	u64 carries; /* of the timer's highest bit, those in status */
	u8 reset_control, port_a;
	/* What the guest asked for; the caller sees to it. */
	bool off, reset, exited;
	u32 exit_value;
};

void pm_reset(struct pm *p);

/* An access of SIZE bytes, 1, 2 or 4, at one of the ports above. NOW is nanoseconds since the guest's
 * start and never goes back. What is not there reads as all ones. */
u32 pm_read(struct pm *p, u16 port, unsigned size, u64 now);
void pm_write(struct pm *p, u16 port, unsigned size, u32 value, u64 now);

/* The state of the SCI. */
bool pm_sci(const struct pm *p, u64 now);

/* When the timer raises the SCI next, in the terms of NOW; ~0: never as things are. */
u64 pm_next(const struct pm *p, u64 now);

#endif
