/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The MSRs of the guest's local APIC: IA32_APIC_BASE with the modes, the registers of x2APIC mode,
 * IA32_TSC_DEADLINE. What may be written is checked here; the registers themselves are
 * apic/vlapic.c's.
 */
#include "apic/vparts.h"

#define SVR_FOCUS_CHECKING BIT(9)	/* may be written, and does nothing since the Pentium 4 */
#define LVT_STATUS (BIT(12) | BIT(14))	/* delivery status, remote IRR: read-only */
#define ICR_X2APIC_RESERVED 0xfff32000u /* not bit 12: once the delivery status, now ignored */
#define MODE_BITS (APIC_BASE_ENABLE | APIC_BASE_X2APIC)

void vlapic_put_ids(struct vlapic *l)
{
	if (vlapic_x2apic(l)) {
		vlapic_put(l, APIC_ID, l->id);
		vlapic_put(l, APIC_LDR, (l->id >> 4) << 16 | 1u << (l->id & 15));
	} else {
		vlapic_put(l, APIC_ID, l->id << 24);
		vlapic_put(l, APIC_LDR, 0);
	}
}

/*
 * SDM, "x2APIC State Transitions". From xAPIC to x2APIC mode all registers stay but the ids and the
 * high half of the ICR; being disabled, and enabled again, is a reset.
 */
static int write_base(struct vlapic *l, u64 value)
{
	u64 old = l->base & MODE_BITS, new = value &MODE_BITS;

	if ((value ^ VLAPIC_BASE_RESET) & ~(MODE_BITS | APIC_BASE_BSP))
		return -EINVAL; /* a reserved bit, or another address */
	if (new == APIC_BASE_X2APIC || (old == MODE_BITS && new == APIC_BASE_ENABLE) ||
	    (!old && new == MODE_BITS))
		return -EINVAL;
	__atomic_store_n(&l->base, value, __ATOMIC_RELAXED);
	if (new == old)
		return 0;
	if (new == MODE_BITS) {
		vlapic_put_ids(l);
		vlapic_put(l, APIC_ICR2, 0);
	} else {
		vlapic_reset(l);
	}
	return 1;
}

/* Those that can be read; the ICR is 64 bits wide. */
static int read_register(struct vlapic *l, u32 reg, u64 *value)
{
	switch (reg) {
	case APIC_ID ... APIC_LVR:
	case APIC_TPR:
	case APIC_PPR:
	case APIC_LDR:
	case APIC_SVR ... APIC_ESR:
	case APIC_LVT_TIMER ... APIC_TIMER_CURRENT:
	case APIC_TIMER_DIVIDE:
		*value = vlapic_read(l, reg);
		return 0;
	case APIC_ICR:
		*value = (u64)vlapic_get(l, APIC_ICR2) << 32 | vlapic_get(l, APIC_ICR);
		return 0;
	}
	return -EINVAL;
}

/* Is no bit of VALUE set that must be 0? A register that cannot be written takes no value. */
static bool may_write(u32 reg, u64 value)
{
	switch (reg) {
	case APIC_TPR:
	case APIC_SELF_IPI:
		return !(value & ~0xffull);
	case APIC_EOI:
	case APIC_ESR:
		return !value;
	case APIC_SVR:
		return !(value & ~(0x1ffull | SVR_FOCUS_CHECKING));
	case APIC_ICR:
		return !(value & ICR_X2APIC_RESERVED);
	case APIC_LVT_TIMER ... APIC_LVT_ERROR:
		return !(value & ~(vlapic_lvt_writable(reg) | LVT_STATUS));
	case APIC_TIMER_INITIAL:
		return !(value >> 32);
	case APIC_TIMER_DIVIDE:
		return !(value & ~0xbull);
	}
	return false;
}

static int write_register(struct vlapic *l, u32 reg, u64 value)
{
	if (!may_write(reg, value))
		return -EINVAL;
	if (reg == APIC_ICR)
		vlapic_put(l, APIC_ICR2, value >> 32);
	return vlapic_write(l, reg, (u32)value);
}

int vlapic_rdmsr(struct vlapic *l, u32 msr, u64 *value)
{
	switch (msr) {
	case MSR_APIC_BASE:
		*value = l->base;
		return 0;
	case MSR_TSC_DEADLINE:
		*value = vtimer_deadline(l);
		return 0;
	}
	if (msr - MSR_X2APIC > 0xff || !vlapic_x2apic(l))
		return -EINVAL;
	return read_register(l, (msr - MSR_X2APIC) << 4, value);
}

int vlapic_wrmsr(struct vlapic *l, u32 msr, u64 value)
{
	switch (msr) {
	case MSR_APIC_BASE:
		return write_base(l, value);
	case MSR_TSC_DEADLINE:
		vtimer_set_deadline(l, value);
		return 1;
	}
	if (msr - MSR_X2APIC > 0xff || !vlapic_x2apic(l))
		return -EINVAL;
	return write_register(l, (msr - MSR_X2APIC) << 4, value);
}
