/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's local APIC: its registers, as both modes have them, and its local vector table. The
 * other files: vpriority.c (IRR, ISR, TMR, priorities), vtimer.c, vipi.c (messages), vx2apic.c (the
 * MSRs).
 */
#include "apic/vparts.h"

#define ICR_WRITABLE 0x000ccfffu

void vlapic_reset(struct vlapic *l)
{
	memset(l->page, 0, PAGE_SIZE);
	vlapic_put_ids(l);
	vlapic_put(l, APIC_LVR, VLAPIC_LVR);
	vlapic_put(l, APIC_DFR, 0xffffffff);
	vlapic_put(l, APIC_SVR, 0xff);
	for (u32 reg = APIC_LVT_TIMER; reg <= APIC_LVT_ERROR; reg += 16)
		vlapic_put(l, reg, LVT_MASKED);
	vlapic_drop_all(l);
	l->esr = 0;
	vtimer_reset(l);
}

void vlapic_virtual_wire(struct vlapic *l)
{
	vlapic_put(l, APIC_SVR, SVR_ENABLED | 0xff);
	vlapic_put(l, APIC_LVT_LINT0, DELIVER_EXTINT << 8);
	vlapic_put(l, APIC_LVT_LINT1, DELIVER_NMI << 8);
}

void vlapic_local(struct vlapic *l, u32 reg)
{
	u32 lvt = vlapic_get(l, reg), vector = lvt & 0xff;

	if (lvt & LVT_MASKED)
		return;
	if (vector < FIRST_LEGAL_VECTOR)
		vlapic_error(l, ESR_RECEIVE_ILLEGAL_VECTOR);
	else
		vlapic_raise(l, vector, false);
}

void vlapic_error(struct vlapic *l, u32 errors)
{
	bool armed = !l->esr;

	l->esr |= errors;
	if (armed)
		vlapic_local(l, APIC_LVT_ERROR);
}

void vlapic_lint(struct vlapic *l, unsigned pin, bool asserted)
{
	u32 bit = pin ? 2 : 1, lvt = pin ? DELIVER_NMI << 8 : DELIVER_EXTINT << 8;

	if (pin > 1)
		return;
	if (!asserted) {
		__atomic_fetch_and(&l->lint, ~bit, __ATOMIC_SEQ_CST);
		return;
	}
	if (__atomic_fetch_or(&l->lint, bit, __ATOMIC_SEQ_CST) & bit)
		return;
	if (vlapic_present(l))
		lvt = vlapic_get(l, APIC_LVT_LINT0 + pin * 16);
	if (lvt & LVT_MASKED)
		return;
	if (LVT_MODE(lvt) == DELIVER_FIXED)
		vlapic_post(l, lvt & 0xff, false);
	else if (LVT_MODE(lvt) == DELIVER_NMI)
		__atomic_fetch_or(&l->startup, STARTUP_NMI, __ATOMIC_SEQ_CST);
	else if (LVT_MODE(lvt) != DELIVER_EXTINT)
		return;
	vlapic_notify(l);
}

bool vlapic_takes_extint(const struct vlapic *l)
{
	u32 lvt = vlapic_get(l, APIC_LVT_LINT0);

	if (!vlapic_present(l))
		return l->base & APIC_BASE_BSP;
	return !(lvt & LVT_MASKED) && LVT_MODE(lvt) == DELIVER_EXTINT;
}

/* SDM, "Local APIC Register Address Map". APR and RRD are not reserved, though this APIC, as all
 * since the Pentium 4, has nothing there. */
static bool reserved(u32 reg)
{
	switch (reg) {
	case APIC_ID ... APIC_LVR:
	case APIC_TPR ... APIC_ESR:
	case APIC_ICR ... APIC_TIMER_CURRENT:
	case APIC_TIMER_DIVIDE:
		return false;
	}
	return true;
}

u32 vlapic_read(struct vlapic *l, u32 reg)
{
	switch (reg) {
	case APIC_TIMER_CURRENT:
		return vtimer_current(l);
	case APIC_PPR:
		return vlapic_ppr(l);
	case APIC_EOI:
		return 0;
	}
	if (reserved(reg)) {
		vlapic_error(l, ESR_ILLEGAL_REGISTER);
		vlapic_notify(l);
		return 0;
	}
	return vlapic_get(l, reg);
}

u32 vlapic_lvt_writable(u32 reg)
{
	switch (reg) {
	case APIC_LVT_TIMER:
		return 0x000700ff; /* vector, mask, mode of the timer */
	case APIC_LVT_LINT0:
	case APIC_LVT_LINT1:
		return 0x0001a7ff; /* vector, delivery mode, polarity, trigger, mask */
	case APIC_LVT_ERROR:
		return 0x000100ff;
	}
	return 0x000107ff; /* thermal sensor, performance counters */
}

static void write_lvt(struct vlapic *l, u32 reg, u32 value)
{
	value &= vlapic_lvt_writable(reg);
	if (!vlapic_enabled(l))
		value |= LVT_MASKED;
	vlapic_put(l, reg, value);
	if (reg == APIC_LVT_TIMER)
		vtimer_lvt(l);
}

static void write_svr(struct vlapic *l, u32 value)
{
	vlapic_put(l, APIC_SVR, value & 0x1ff);
	for (u32 lvt = APIC_LVT_TIMER; !vlapic_enabled(l) && lvt <= APIC_LVT_ERROR; lvt += 16)
		vlapic_put(l, lvt, vlapic_get(l, lvt) | LVT_MASKED);
}

/* The registers that both modes have, by their offsets, and those of xAPIC mode alone. */
bool vlapic_write(struct vlapic *l, u32 reg, u32 value)
{
	switch (reg) {
	case APIC_ID: /* read-only; the processor may have stored the guest's value */
		vlapic_put(l, reg, l->id << 24);
		return false;
	case APIC_TPR:
		vlapic_put(l, reg, value & 0xff);
		return true;
	case APIC_EOI:
		vlapic_end(l);
		return true;
	case APIC_LDR:
		vlapic_put(l, reg, value & 0xff000000);
		return false;
	case APIC_DFR:
		vlapic_put(l, reg, value | 0x0fffffff);
		return false;
	case APIC_SVR:
		write_svr(l, value);
		return true;
	case APIC_ESR: /* shows what came since the last write, and arms the error interrupt */
		vlapic_put(l, reg, l->esr);
		l->esr = 0;
		return false;
	case APIC_ICR:
		vlapic_put(l, reg, value & ICR_WRITABLE);
		vlapic_command(l, value, vlapic_get(l, APIC_ICR2) >> (vlapic_x2apic(l) ? 0 : 24));
		return true;
	case APIC_ICR2:
		vlapic_put(l, reg, value & 0xff000000);
		return false;
	case APIC_SELF_IPI:
		if (!vlapic_x2apic(l))
			break;
		vlapic_command(l, 1u << 18 | (value & 0xff), 0);
		return true;
	case APIC_LVT_TIMER ... APIC_LVT_ERROR:
		write_lvt(l, reg, value);
		return reg == APIC_LVT_LINT0 && vlapic_takes_extint(l); /* the PIC may wait there */
	case APIC_TIMER_INITIAL:
		vtimer_set_initial(l, value);
		return false;
	case APIC_TIMER_DIVIDE:
		vtimer_set_divide(l, value & 0xb);
		return false;
	}
	if (!reserved(reg))
		return false; /* read-only */
	vlapic_error(l, ESR_ILLEGAL_REGISTER);
	return true;
}
