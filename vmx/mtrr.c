/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mm/x86.h"
#include "vmx/mtrr.h"

#define WRITE_BACK 6
#define TYPE_FIXED_ENABLED BIT(10)
#define TYPE_ENABLED BIT(11)
#define CAP_FIXED BIT(8)
#define CAP_WRITE_COMBINING BIT(10)
#define MASK_VALID BIT(11)

/* The fixed-range ones: 64 KB, two of 16 KB, eight of 4 KB. */
static const u16 fixed[MTRR_FIXED] = { 0x250, 0x258, 0x259, 0x268, 0x269, 0x26a,
				       0x26b, 0x26c, 0x26d, 0x26e, 0x26f };
#define A0000 2 /* a0000h..bffffh */

static u64 addresses(unsigned physical_bits)
{
	return BIT(physical_bits) - PAGE_SIZE;
}

void mtrr_init(struct mtrr *m, unsigned physical_bits)
{
	*m = (struct mtrr){ .type = TYPE_ENABLED | TYPE_FIXED_ENABLED | WRITE_BACK };
	memset(m->fixed, WRITE_BACK, sizeof(m->fixed));
	m->fixed[A0000] = 0;
	m->variable[0] = 3ul << 30;
	m->variable[1] = (addresses(physical_bits) & -(1ul << 30)) | MASK_VALID;
}

/* Where MSR is stored; NULL when it is not. */
static u64 *place(struct mtrr *m, u32 msr)
{
	if (msr == MSR_MTRR_DEF_TYPE)
		return &m->type;
	if (msr >= MSR_MTRR_VARIABLE && msr < MSR_MTRR_VARIABLE + 2 * MTRR_VARIABLE)
		return &m->variable[msr - MSR_MTRR_VARIABLE];
	for (unsigned i = 0; i < MTRR_FIXED; i++)
		if (msr == fixed[i])
			return &m->fixed[i];
	return NULL;
}

bool mtrr_has(u32 msr)
{
	struct mtrr none;

	return msr == MSR_MTRR_CAP || place(&none, msr);
}

u64 mtrr_read(const struct mtrr *m, u32 msr)
{
	if (msr == MSR_MTRR_CAP)
		return MTRR_VARIABLE | CAP_FIXED | CAP_WRITE_COMBINING;
	return *place((struct mtrr *)m, msr);
}

static bool is_type(u64 value)
{
	return value < 8 && (BIT(value) & (BIT(0) | BIT(1) | BIT(4) | BIT(5) | BIT(6)));
}

bool mtrr_write(struct mtrr *m, u32 msr, u64 value, unsigned physical_bits)
{
	u64 *to = place(m, msr), address = addresses(physical_bits);
	bool ok = true;

	if (!to)
		return false;
	if (to == &m->type) {
		ok = is_type(value & 0xff) &&
		     !(value & ~(0xff | TYPE_FIXED_ENABLED | TYPE_ENABLED));
	} else if (to >= m->variable && to < m->variable + 2 * MTRR_VARIABLE) {
		if ((to - m->variable) % 2)
			ok = !(value & ~(address | MASK_VALID));
		else
			ok = is_type(value & 0xff) && !(value & ~(address | 0xff));
	} else {
		for (unsigned i = 0; i < 8; i++)
			ok = ok && is_type(value >> 8 * i & 0xff);
	}
	if (ok)
		*to = value;
	return ok;
}
