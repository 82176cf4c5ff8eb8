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

/*
 * A write is no stay: it claims the page as an invalidator does, by MOVING, and so has it to itself.
 *
 *   claim     first, by CAS: who wants to move the page or to put it away finds that and leaves it;
 *             who did so before has ended, or the CAS fails. So the frame is this page's, and
 *             nobody copies from it, until the mark is gone
 *   drop      of the copy in the store, under the claim: the write sets no D in E, by which `copy`
 *             would know that the copy is out of date
 *   write     beside the guest's other vCPUs, which may have the frame mapped and go on using it: it
 *             stays where it is
 *   release   last, a locked operation: who claims next finds the frame written and no copy
 */
static int claim_page(struct vcpu *v, u64 gfn, u64 **claimed, char **frame)
{
	struct backing *b = v->ept->backing;
	u64 *p = backing_entry(b, gfn);

	if (!p || gfn == APIC_ACCESS_GFN)
		return -EFAULT;
	for (;;) {
		u64 entry = order_load(write_p, p);
		int err;

		if ((entry & (P_PRESENT | P_MOVING)) == P_PRESENT &&
		    order_cas(write_claim, p, &entry, entry | P_MOVING)) {
			*claimed = p;
			*frame = frame_ptr((entry & P_ADDRESS) >> PAGE_SHIFT);
			return 0;
		}
		if (order_load(write_stop, &v->gate.requests) & REQ_STOP)
			return -EAGAIN;
		err = entry & P_MOVING ? -EAGAIN : ept_bring_in(v->ept, gfn);
		if (err == -ENOMEM)
			gate_no_memory(&v->gate, gfn);
		if (err)
			cpu_relax();
	}
}

static void drop_copy(struct backing *b, u64 gfn)
{
	u64 *kept = backing_kept(b, gfn);

	if (order_load(write_copy, kept)) {
		store_free(&b->store, order_load(write_stale, kept));
		order_store(write_drop, kept, 0);
	}
	lru_mark(&b->lru, backing_index(b, gfn), 0, LRU_STUCK); /* it may shrink now */
	backing_log_dirty(b, gfn);
}

int guest_write(struct vcpu *v, u64 gpa, const void *buf, u64 size)
{
	while (size) {
		u64 part = MIN(size, PAGE_SIZE - (gpa & (PAGE_SIZE - 1)));
		char *frame;
		u64 *p;
		int err = claim_page(v, gpa >> PAGE_SHIFT, &p, &frame);

		if (err)
			return err;
		drop_copy(v->ept->backing, gpa >> PAGE_SHIFT);
		memcpy(frame + (gpa & (PAGE_SIZE - 1)), buf, part);
		order_and(write_end, p, ~P_MOVING);
		gpa += part;
		buf = (const char *)buf + part;
		size -= part;
	}
	return 0;
}

/* The guest changes its tables beside this, so it is a locked operation as the processor's own is. */
int guest_mark(struct vcpu *v, u64 gpa, unsigned size, u64 seen, u64 bits)
{
	u32 seen32 = (u32)seen;
	char *frame, *word;
	bool done;
	u64 *p;
	int err = claim_page(v, gpa >> PAGE_SHIFT, &p, &frame);

	if (err)
		return err;
	drop_copy(v->ept->backing, gpa >> PAGE_SHIFT);
	word = frame + (gpa & (PAGE_SIZE - 1));
	if (size == 8)
		done = __atomic_compare_exchange_n((u64 *)word, &seen, seen | bits, false,
						   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	else
		done = __atomic_compare_exchange_n((u32 *)word, &seen32, seen32 | (u32)bits, false,
						   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	order_and(mark_end, p, ~P_MOVING);
	return done ? 0 : -EBUSY;
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
