/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest's own page tables; SDM, "Paging". */
#include "mm/x86.h"
#include "vmx/guest.h"
#include "vmx/vmx.h"

#define PTE_PRESENT BIT(0)
#define PTE_WRITE BIT(1)
#define PTE_USER BIT(2)
#define PTE_ACCESSED BIT(5)
#define PTE_DIRTY BIT(6)
#define PTE_LARGE BIT(7)

#define PTE_NX BIT(63)

#define ERROR_PRESENT BIT(0)
#define ERROR_RESERVED BIT(3)

/* SDM, "Determination of Access Rights", for data, with what the entries of the walk all allow. */
static bool allowed(u64 rights, u64 access, u64 cr0, u64 cr4)
{
	if (access & LINEAR_USER) {
		if (!(rights & PTE_USER))
			return false;
	} else if ((rights & PTE_USER) && (cr4 & CR4_SMAP) && !(vmread(GUEST_RFLAGS) & RFLAGS_AC)) {
		return false;
	}
	return !(access & LINEAR_WRITE) || (rights & PTE_WRITE) ||
	       (!(access & LINEAR_USER) && !(cr0 & CR0_WP));
}

/*
 * SDM, "Paging": the bits of ENTRY that must be 0, in tables of 8 bytes. A PDPTE of PAE paging was
 * looked at when it was loaded. GUEST_EFER is read for an entry alone that has NX.
 */
static bool reserved(u64 entry, unsigned level, unsigned shift, bool lma, bool large)
{
	u64 high = lma ? BIT(52) - 1 : BIT(63) - 1,
	    bits = high & ~(BIT(vmx_caps.physical_bits) - 1);

	if (large)
		bits |= (BIT(shift) - 1) & ~(BIT(PAGE_SHIFT + 1) - 1);
	else if (level > 2) /* no page is that large */
		bits |= PTE_LARGE;
	return (entry & bits) || ((entry & PTE_NX) && !(vmread(GUEST_EFER) & EFER_NXE));
}

static int mark(struct vcpu *v, u64 at, unsigned size, u64 entry, u64 bits)
{
	int err;

	if ((entry & bits) == bits)
		return 0;
	err = guest_mark(v, at, size, entry, bits);
	return err == -EBUSY ? -EAGAIN : err;
}

int guest_translate(struct vcpu *v, u64 linear, u64 access, u64 *gpa, u32 *error)
{
	u64 cr0 = vmread(GUEST_CR0), cr3 = vmread(GUEST_CR3), cr4 = vmread(GUEST_CR4);
	bool lma = v->lme; /* with CR0.PG; GUEST_EFER is no field that KVM shadows */
	unsigned entry_size = cr4 & CR4_PAE ? 8 : 4;
	unsigned bits = entry_size == 8 ? 9 : 10;
	unsigned levels = lma ? 4 : entry_size == 8 ? 3 : 2;
	u64 table = cr3 & (lma ? 0x000ffffffffff000 : entry_size == 8 ? 0xffffffe0 : 0xfffff000);
	u64 rights = PTE_WRITE | PTE_USER;

	if (!(cr0 & CR0_PG)) {
		*gpa = (u32)linear;
		return 0;
	}
	*error = (u32)(access & (LINEAR_WRITE | LINEAR_USER));
	for (unsigned level = levels;; level--) {
		unsigned shift = PAGE_SHIFT + bits * (level - 1);
		u64 index = linear >> shift & (BIT(bits) - 1);
		u64 entry = 0, at, address;
		bool pdpte = entry_size == 8 && !lma && level == 3; /* no rights, no flags */
		bool large;
		int err;

		if (pdpte)
			index &= 3;
		at = table + index * entry_size;
		err = guest_read(v, at, &entry, entry_size);
		if (err)
			return err;
		if (!(entry & PTE_PRESENT))
			return -EACCES;
		if (!pdpte)
			rights &= entry;
		address = entry & 0x000fffffffffffff;
		/* 1 GB in long mode only; 4 MB, of two levels, where PSE is on. */
		large = (entry & PTE_LARGE) && (level == 2 || (level == 3 && lma)) &&
			(entry_size == 8 || (cr4 & CR4_PSE));
		if (access && entry_size == 8 && !pdpte &&
		    reserved(entry, level, shift, lma, large)) {
			*error |= ERROR_PRESENT | ERROR_RESERVED;
			return -EACCES;
		}
		if (level == 1 || large) {
			*gpa = (address & ~(BIT(shift) - 1)) | (linear & (BIT(shift) - 1));
			if (!access)
				return 0;
			*error |= ERROR_PRESENT;
			if (!allowed(rights, access, cr0, cr4))
				return -EACCES;
			return mark(v, at, entry_size, entry,
				    PTE_ACCESSED | (access & LINEAR_WRITE ? PTE_DIRTY : 0));
		}
		err = access && !pdpte ? mark(v, at, entry_size, entry, PTE_ACCESSED) : 0;
		if (err)
			return err;
		table = address & ~(u64)(PAGE_SIZE - 1);
	}
}

int guest_read_linear(struct vcpu *v, u64 linear, void *buf, u64 size)
{
	while (size) {
		u64 part = MIN(size, PAGE_SIZE - (linear & (PAGE_SIZE - 1)));
		u32 error;
		u64 gpa;
		int err = guest_translate(v, linear, 0, &gpa, &error);

		if (!err)
			err = guest_read(v, gpa, buf, part);
		if (err)
			return err == -EACCES ? -EFAULT : err;
		linear += part;
		buf = (char *)buf + part;
		size -= part;
	}
	return 0;
}
