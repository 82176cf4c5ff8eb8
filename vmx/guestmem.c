/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The hypervisor's own accesses to guest memory. */
#include "ept/order.h"
#include "mm/frame.h"
#include "vmx/guest.h"

/*
 * A read is a stay like one in guest mode, only that it needs no kick to end: the gate's arm and
 * check against the invalidator's publish, kick and wait. If the mark is not seen after the fence,
 * the invalidator sees READING, and waits before it touches the frame.
 */
static int read_page(struct vcpu *v, u64 gpa, void *buf, u64 size)
{
	u64 *p = backing_entry(v->ept->backing, gpa >> PAGE_SHIFT);

	/* What lies in the APIC-access page's frame is nothing the guest could have put there. */
	if (!p || gpa >> PAGE_SHIFT == APIC_ACCESS_GFN)
		return -EFAULT;
	for (;;) {
		u64 entry;
		int err;

		gate_set(read_mode, &v->gate, MODE_READING);
		order_fence(read_fence);
		entry = order_load(read_p, p);
		if (!entry || (entry & (P_PRESENT | P_MOVING)) == P_PRESENT) {
			if (entry)
				memcpy(buf,
				       frame_ptr((entry & P_ADDRESS) >> PAGE_SHIFT) +
					       (gpa & (PAGE_SIZE - 1)),
				       size);
			else
				memset(buf, 0, size); /* never touched */
			gate_leave(read_leave, &v->gate);
			return 0;
		}
		gate_leave(read_again, &v->gate);
		if (order_load(read_stop, &v->gate.requests) & REQ_STOP)
			return -EAGAIN;
		err = entry & P_MOVING ? -EAGAIN : ept_bring_in(v->ept, gpa >> PAGE_SHIFT);
		if (err == -ENOMEM)
			gate_no_memory(&v->gate, gpa >> PAGE_SHIFT);
		if (err)
			cpu_relax();
	}
}

int guest_read(struct vcpu *v, u64 gpa, void *buf, u64 size)
{
	while (size) {
		u64 part = MIN(size, PAGE_SIZE - (gpa & (PAGE_SIZE - 1)));
		int err = read_page(v, gpa, buf, part);

		if (err)
			return err;
		gpa += part;
		buf = (char *)buf + part;
		size -= part;
	}
	return 0;
}

#define PTE_PRESENT BIT(0)
#define PTE_LARGE BIT(7)

/* SDM, "Paging": the guest's own tables. Rights are not checked: the guest has just executed what
 * is read here. */
static int translate(struct vcpu *v, u64 linear, u64 *gpa)
{
	u64 cr0 = vmread(GUEST_CR0), cr3 = vmread(GUEST_CR3), cr4 = vmread(GUEST_CR4);
	bool lma = vmread(GUEST_EFER) & EFER_LMA;
	unsigned entry_size = cr4 & CR4_PAE ? 8 : 4;
	unsigned bits = entry_size == 8 ? 9 : 10;
	unsigned levels = lma ? 4 : entry_size == 8 ? 3 : 2;
	u64 table = cr3 & (lma ? 0x000ffffffffff000 : entry_size == 8 ? 0xffffffe0 : 0xfffff000);

	if (!(cr0 & CR0_PG)) {
		*gpa = (u32)linear;
		return 0;
	}
	for (unsigned level = levels;; level--) {
		unsigned shift = PAGE_SHIFT + bits * (level - 1);
		u64 index = linear >> shift & (BIT(bits) - 1);
		u64 entry = 0;
		bool large;
		int err;

		if (entry_size == 8 && !lma && level == 3)
			index &= 3;
		err = guest_read(v, table + index * entry_size, &entry, entry_size);
		if (err)
			return err;
		if (!(entry & PTE_PRESENT))
			return -EFAULT;
		entry &= 0x000fffffffffffff;
		/* 1 GB in long mode only; 4 MB, of two levels, where PSE is on. */
		large = (entry & PTE_LARGE) && (level == 2 || (level == 3 && lma)) &&
			(entry_size == 8 || (cr4 & CR4_PSE));
		if (level == 1 || large) {
			*gpa = (entry & ~(BIT(shift) - 1)) | (linear & (BIT(shift) - 1));
			return 0;
		}
		table = entry & ~(u64)(PAGE_SIZE - 1);
	}
}

int guest_read_linear(struct vcpu *v, u64 linear, void *buf, u64 size)
{
	while (size) {
		u64 part = MIN(size, PAGE_SIZE - (linear & (PAGE_SIZE - 1)));
		u64 gpa;
		int err = translate(v, linear, &gpa);

		if (!err)
			err = guest_read(v, gpa, buf, part);
		if (err)
			return err;
		linear += part;
		buf = (char *)buf + part;
		size -= part;
	}
	return 0;
}

/* Before the guest runs nothing moves, so the frames are written directly. */
int guest_load(struct guest *g, u64 gpa, const void *from, u64 size)
{
	while (size) {
		u64 part = MIN(size, PAGE_SIZE - (gpa & (PAGE_SIZE - 1)));
		u64 *p = backing_entry(&g->backing, gpa >> PAGE_SHIFT);
		int err;

		if (!p)
			return -EFAULT;
		do /* again when room had to be made first */
			err = ept_bring_in(&g->ept, gpa >> PAGE_SHIFT);
		while (err == -EBUSY);
		if (err)
			return err;
		memcpy(frame_ptr((*p & P_ADDRESS) >> PAGE_SHIFT) + (gpa & (PAGE_SIZE - 1)), from,
		       part);
		gpa += part;
		from = (const char *)from + part;
		size -= part;
	}
	return 0;
}
