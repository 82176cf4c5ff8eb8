/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * EPT violations: P is made resident out of what it says the page is, then E is filled from P. Both
 * run beside invalidators and beside one another.
 */
#include "ept/order.h"
#include "ept/reclaim.h"
#include "mm/frame.h"

/* P of the 2-MB page around GFN; NULL where none fits, or only small leaves are wanted. */
static u64 *large_page(const struct ept *e, u64 gfn)
{
	u64 first = gfn & ~(LARGE_PAGES - 1);

	if (!e->large || first + LARGE_PAGES > e->backing->ram_pages)
		return NULL;
	return backing_entry(e->backing, first);
}

/*
 * Backs a 2-MB page by frames in a row when nothing of it is backed yet, and as many are to spare.
 * Who claims its first page does it; -EAGAIN to those who come meanwhile. Else 0, done or not.
 */
static int fill_large(struct ept *e, u64 first, u64 *p)
{
	u64 none = 0, run;

	if (order_load(fill_large_first, p) == P_MOVING)
		return -EAGAIN;
	for (u64 i = 0; i < LARGE_PAGES; i++)
		if (order_load(fill_large_look, &p[i]))
			return 0;
	if (frame_left(e->owner) < 2 * LARGE_PAGES)
		return 0;
	if (!order_cas(fill_large_claim, p, &none, P_MOVING))
		return -EAGAIN;
	run = frame_alloc_run(e->owner, LARGE_PAGES, LARGE_PAGES);
	for (u64 i = 0; run && i < LARGE_PAGES; i++) {
		none = i ? 0 : P_MOVING;
		frame_note(run + i, (u32)(first + i));
		if (order_cas(fill_large, &p[i], &none, (run + i) << PAGE_SHIFT | P_PRESENT))
			lru_add(&e->backing->lru, first + i, LRU_INACTIVE);
		else
			frame_free(run + i, e->owner); /* a fault was faster with this page */
	}
	if (!run)
		order_store(fill_large_undo, p, 0);
	return 0;
}

/*
 * The one that claims the page does the work; others find it MOVING and come back. What was packed
 * stays in the store as a copy, good until the page is written to.
 */
static int fill(struct ept *e, u64 gfn, u64 *p)
{
	struct backing *b = e->backing;
	u64 *kept = backing_kept(b, gfn);
	u64 entry = order_load(fill_look, p), pfn, word = 0;

	if (entry & P_PRESENT)
		return entry & P_MOVING ? -EAGAIN : 0;
	if ((entry & P_MOVING) || !order_cas(fill_claim, p, &entry, entry | P_MOVING))
		return -EAGAIN;
	pfn = frame_alloc_dirty(e->owner);
	if (!pfn) {
		order_store(fill_undo, p, entry);
		return -ENOMEM;
	}
	if (entry & P_PACKED) {
		store_read(&b->store, order_load(fill_handle, kept), frame_ptr(pfn));
	} else {
		if (entry & P_SAME) {
			word = order_load(fill_word, kept);
			order_store(fill_no_copy, kept, 0);
		}
		frame_fill(pfn, word);
	}
	frame_note(pfn, (u32)backing_index(b, gfn));
	lru_add(&b->lru, backing_index(b, gfn), LRU_INACTIVE);
	order_store(fill_p, p, pfn << PAGE_SHIFT | P_PRESENT);
	return 0;
}

bool ept_in_a_row(u64 *p)
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
 *
 * A large leaf never allows execution: a guest that executes from one, and sees its size change,
 * can stop processors with the erratum of INTEL-SA-00210 by a machine check. Code is fetched through
 * 4-KB leaves; the first fetch from a large one splits it.
 */
static int map(struct ept *e, u64 gfn, u64 entry, u64 perm, u64 access)
{
	u64 gpa = gfn << PAGE_SHIFT, first = gfn & ~(LARGE_PAGES - 1);
	u64 *large = access & EPT_EXEC ? NULL : large_page(e, gfn);
	struct ept_leaf leaf = ept_walk(e, gpa);

	if (leaf.level && !(access & ~leaf.value))
		return 0; /* another vCPU was first */
	if (access & EPT_EXEC)
		lru_mark(&e->backing->lru, backing_index(e->backing, gfn), LRU_EXEC, 0);
	if (leaf.level)
		return ept_protect(e, gpa, perm);
	if (large && ept_empty(e, gpa, 2) && ept_in_a_row(large))
		return ept_map(e, first << PAGE_SHIFT, entry - ((gfn - first) << PAGE_SHIFT), 2,
			       EPT_READ | EPT_WRITE);
	return ept_map(e, gpa, entry, 1, perm);
}

static int make_room(struct ept *e, int err)
{
	return err == -ENOMEM && e->reclaim ? reclaim_direct(e->reclaim) : err;
}

int ept_bring_in(struct ept *e, u64 gfn)
{
	u64 *p = backing_entry(e->backing, gfn);

	return p ? make_room(e, fill(e, gfn, p)) : -EFAULT;
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
	if (large_page(e, gfn) && !order_load(fault_empty, p))
		err = fill_large(e, gfn & ~(LARGE_PAGES - 1), large_page(e, gfn));
	err = err ? err : ept_bring_in(e, gfn);
	if (err)
		return err;
	order_lock(fault_lock, &e->lock);
	entry = order_load(fault_p, p);
	if (entry & P_MOVING || !(entry & P_PRESENT))
		err = -EAGAIN;
	else
		err = map(e, gfn, entry & P_ADDRESS, perm, access);
	if (!err && apic)
		e->apic_leaf = entry & P_ADDRESS;
	order_unlock(fault_unlock, &e->lock);
	return make_room(e, err);
}
