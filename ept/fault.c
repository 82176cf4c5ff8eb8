/* SPDX-License-Identifier: GPL-2.0-or-later */
/* EPT violations: E is filled from P, and P from free frames, on demand. */
#include "ept/order.h"
#include "ept/protocol.h"
#include "mm/frame.h"

#define LARGE_PAGES 512ul

/* P of the 2-MB page around GFN; NULL where none fits, or only small leaves are wanted. */
static u64 *large_page(const struct ept *e, u64 gfn)
{
	u64 first = gfn & ~(LARGE_PAGES - 1);

	if (!e->large || first + LARGE_PAGES > e->backing->ram_pages)
		return NULL;
	return backing_entry(e->backing, first);
}

/* Backs a 2-MB page by frames in a row when nothing of it is backed yet. */
static void fill_large(struct ept *e, u64 *p)
{
	u64 run;

	for (u64 i = 0; i < LARGE_PAGES; i++)
		if (order_load(fill_look, &p[i]))
			return;
	run = frame_alloc_run(e->owner, LARGE_PAGES);
	for (u64 i = 0; run && i < LARGE_PAGES; i++) {
		u64 none = 0;

		if (!order_cas(fill_large, &p[i], &none, (run + i) << PAGE_SHIFT | P_PRESENT))
			frame_free(run + i, e->owner); /* another vCPU was first */
	}
}

static int fill(struct ept *e, u64 *p)
{
	u64 pfn = frame_alloc(e->owner), none = 0;

	if (!pfn)
		return -ENOMEM;
	if (!order_cas(fill_p, p, &none, pfn << PAGE_SHIFT | P_PRESENT))
		frame_free(pfn, e->owner); /* another vCPU was first */
	return 0;
}

/* Its frames are there, in a row, on a 2-MB boundary, and none of them is moving. */
static bool is_large(u64 *p)
{
	u64 first = order_load(large_first, &p[0]);

	if (!(first & P_PRESENT) || (first & P_ADDRESS) & (ept_level_size(2) - 1))
		return false;
	for (u64 i = 0; i < LARGE_PAGES; i++)
		if (order_load(large_p, &p[i]) != first + i * PAGE_SIZE || (first & P_MOVING))
			return false;
	return true;
}

/*
 * Maps what P says, by the largest leaf that fits. An invalidator marks P, then unmaps under the
 * lock: if the mark is not there under the lock, its unmap comes later and removes what is mapped
 * here, or splits it first.
 */
static int map(struct ept *e, u64 gfn, u64 entry, u64 perm)
{
	u64 *large = large_page(e, gfn);

	if (large && ept_empty(e, gfn << PAGE_SHIFT, 2) && is_large(large)) {
		u64 first = gfn & ~(LARGE_PAGES - 1);

		return ept_map(e, first << PAGE_SHIFT, entry - ((gfn - first) << PAGE_SHIFT), 2,
			       perm);
	}
	return ept_map(e, gfn << PAGE_SHIFT, entry, 1, perm);
}

int ept_fault(struct ept *e, u64 gpa, u64 access)
{
	u64 gfn = gpa >> PAGE_SHIFT;
	u64 *p = backing_entry(e->backing, gfn);
	bool apic = gfn == APIC_ACCESS_GFN;
	u64 perm = apic ? EPT_READ | EPT_WRITE : EPT_RWX;
	u64 entry;
	int err = 0;

	if (!p)
		return -EFAULT;
	if (access & ~perm)
		return -EACCES;
	if (!order_load(fault_empty, p)) {
		if (large_page(e, gfn))
			fill_large(e, large_page(e, gfn));
		if (!order_load(fault_still, p))
			err = fill(e, p);
	}
	if (err)
		return err;
	order_lock(fault_lock, &e->lock);
	entry = order_load(fault_p, p);
	if (entry & P_MOVING)
		err = -EAGAIN;
	else
		err = map(e, gfn, entry & P_ADDRESS, perm);
	if (!err && apic)
		e->apic_leaf = entry & P_ADDRESS;
	order_unlock(fault_unlock, &e->lock);
	return err == -EEXIST ? 0 : err;
}
