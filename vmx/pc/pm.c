/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmx/pc/pm.h"

#define STATUS_TIMER 0x0001
#define ENABLE_BITS 0x0721 /* timer, global lock, power button, sleep button, RTC */
#define CONTROL_SCI_EN 0x0001
#define CONTROL_KEPT 0x1c02 /* SLP_TYP, BM_RLD; GBL_RLS and SLP_EN read as 0 */
#define CONTROL_SLP_EN 0x2000
#define CONTROL_SLP_TYP(control) ((control) >> 10 & 7)
#define RESET_CPU 0x04
#define RESET_KEPT 0x0e
#define KEYBOARD_PULSE_RESET 0xfe
#define PORT_A_RESET 0x01
#define PORT_A_A20 0x02

#define SECOND 1000000000ull

void pm_reset(struct pm *p)
{
	memset(p, 0, sizeof(*p));
	p->control = CONTROL_SCI_EN;
	p->port_a = PORT_A_A20;
}

static u64 ticks(u64 now)
{
	return now / SECOND * PM_TIMER_HZ + now % SECOND * PM_TIMER_HZ / SECOND;
}

/* ACPI 5.1, 4.8.3.3: TMR_STS is set whenever the highest bit changes. */
static u64 carries(u64 now)
{
	return ticks(now) >> 31;
}

static u16 status(const struct pm *p, u64 now)
{
	return p->status | (carries(now) != p->carries ? STATUS_TIMER : 0);
}

bool pm_sci(const struct pm *p, u64 now)
{
	return status(p, now) & p->enable;
}

u64 pm_next(const struct pm *p, u64 now)
{
	u64 at;

	if (!(p->enable & STATUS_TIMER) || pm_sci(p, now))
		return ~0ull;
	at = (carries(now) + 1) << 31;
	/* The first nanosecond at which the timer has counted so far. */
	return at / PM_TIMER_HZ * SECOND +
	       (at % PM_TIMER_HZ * SECOND + PM_TIMER_HZ - 1) / PM_TIMER_HZ;
}

/* Registers are wider than a byte, accesses are of any size: all goes by bytes. */
static u8 byte_read(const struct pm *p, u16 port, u64 now)
{
	switch (port) {
	case PM_EVENT:
	case PM_EVENT + 1:
		return (u8)(status(p, now) >> 8 * (port - PM_EVENT));
	case PM_EVENT + 2:
	case PM_EVENT + 3:
		return (u8)(p->enable >> 8 * (port - PM_EVENT - 2));
	case PM_CONTROL:
	case PM_CONTROL + 1:
		return (u8)(p->control >> 8 * (port - PM_CONTROL));
	case PM_CONTROL + 2:
	case PM_CONTROL + 3:
		return 0;
	case PM_TIMER:
	case PM_TIMER + 1:
	case PM_TIMER + 2:
	case PM_TIMER + 3:
		return (u8)(ticks(now) >> 8 * (port - PM_TIMER));
	case RESET_CONTROL:
		return p->reset_control;
	case RESET_PORT_A:
		return p->port_a;
	}
	return 0xff;
}

u32 pm_read(struct pm *p, u16 port, unsigned size, u64 now)
{
	u32 value = 0;

	for (unsigned i = 0; i < size; i++)
		value |= (u32)byte_read(p, (u16)(port + i), now) << 8 * i;
	return value;
}

static u16 with_byte(u16 reg, unsigned high, u8 value)
{
	return high ? (reg & 0xff) | value << 8 : (reg & 0xff00) | value;
}

static void byte_write(struct pm *p, u16 port, u8 value, u64 now)
{
	u16 control;

	switch (port) {
	case PM_EVENT: /* a one clears; the timer's is the only bit that is ever set */
		p->status = status(p, now) & ~value;
		p->carries = carries(now);
		break;
	case PM_EVENT + 2:
	case PM_EVENT + 3:
		p->enable = with_byte(p->enable, port & 1, value) & ENABLE_BITS;
		break;
	case PM_CONTROL:
	case PM_CONTROL + 1:
		control = with_byte(p->control, port & 1, value);
		if (control & CONTROL_SLP_EN && CONTROL_SLP_TYP(control) == PM_S5)
			p->off = true;
		p->control = (control & CONTROL_KEPT) | CONTROL_SCI_EN;
		break;
	case RESET_CONTROL: /* at the rise of this bit */
		if (value & ~p->reset_control & RESET_CPU)
			p->reset = true;
		p->reset_control = value & RESET_KEPT;
		break;
	case RESET_KEYBOARD:
		if (value == KEYBOARD_PULSE_RESET)
			p->reset = true;
		break;
	case RESET_PORT_A:
		if (value & PORT_A_RESET)
			p->reset = true;
		p->port_a = value & PORT_A_A20;
		break;
	}
}

void pm_write(struct pm *p, u16 port, unsigned size, u32 value, u64 now)
{
	if (port == EXIT_PORT) {
		p->exited = true;
		p->exit_value = value;
		return;
	}
	for (unsigned i = 0; i < size; i++)
		byte_write(p, (u16)(port + i), (u8)(value >> 8 * i), now);
}
