/* SPDX-License-Identifier: GPL-2.0-or-later */
/* EPT violations: E is filled from P, and P from free frames, on demand. */
#include "ept/order.h"
#include "ept/protocol.h"
#include "mm/frame.h"

int ept_fault(struct ept *e, u64 gpa, u64 access)
{
	u64 *p = backing_entry(e->backing, gpa >> PAGE_SHIFT);
	bool apic = gpa >> PAGE_SHIFT == APIC_ACCESS_GFN;
	u64 perm = apic ? EPT_READ | EPT_WRITE : EPT_RWX;
	u64 entry, filled;
	int err;

	if (!p)
		return -EFAULT;
	if (access & ~perm)
		return -EACCES;
	entry = order_load(fault_p, p);
	if (entry & P_MOVING)
		return -EAGAIN;
	if (!(entry & P_PRESENT)) {
		u64 pfn = frame_alloc(e->owner);

		if (!pfn)
			return -ENOMEM;
		filled = pfn << PAGE_SHIFT | P_PRESENT;
		if (!order_cas(fault_fill, p, &entry, filled)) {
			/* Another vCPU was first. */
			frame_free(pfn, e->owner);
			return -EAGAIN;
		}
		entry = filled;
	}
	/*
	 * An invalidator marks P, then unmaps under the lock. If the mark is not there under the
	 * lock, the invalidator's unmap comes later and removes what is mapped here.
	 */
	order_lock(fault_lock, &e->lock);
	if (order_load(fault_recheck, p) == entry)
		err = ept_map(e, gpa & ~(u64)(PAGE_SIZE - 1), entry & P_ADDRESS, 1, perm);
	else
		err = -EAGAIN;
	if (!err && apic)
		e->apic_leaf = entry & P_ADDRESS;
	order_unlock(fault_unlock, &e->lock);
	return err == -EEXIST ? 0 : err;
}
