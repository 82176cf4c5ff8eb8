/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mm/frame.h"
#include "tests/unit/ram.h"

struct reclaim reclaim;
struct ram_page ram[RAM_PAGES + 1];

int ram_setup(void **state, u64 limit, unsigned batch_max)
{
	int err = world_setup(state);

	memset(ram, 0, sizeof(ram));
	fake_random_start();
	frame_account(OWNER, limit, limit == ~0ul ? 0 : reclaim_reserve(batch_max));
	reclaim_init(&reclaim, &ept, batch_max);
	return err;
}

int ram_teardown(void **state)
{
	int err;

	reclaim_exit(&reclaim);
	err = world_teardown(state);
	if (frame_used(OWNER))
		return -1;
	frame_account(OWNER, ~0ul, 0);
	return err;
}

static u64 gpa_of(u64 page)
{
	return backing_gfn(&backing, page) << PAGE_SHIFT;
}

void *ram_access(u64 page, u64 access)
{
	struct ept_leaf leaf;
	u64 flags = EPT_ACCESSED | (access & EPT_WRITE ? EPT_DIRTY : 0);
	int err;

	while (leaf = ept_walk(&ept, gpa_of(page)), access & ~leaf.value) {
		err = ept_fault(&ept, gpa_of(page), access);
		if (err == -ENOMEM)
			return NULL;
		CHECK(!err || err == -EAGAIN || err == -EBUSY);
	}
	if (ept.eptp & EPTP_ACCESSED_DIRTY)
		*leaf.entry |= flags;
	return (void *)leaf_of(backing_gfn(&backing, page));
}

bool ram_write(u64 page, enum page_kind kind, u64 number)
{
	void *to = ram_access(page, EPT_WRITE);

	if (!to)
		return false;
	page_make(to, kind, number);
	ram[page] = (struct ram_page){ kind, number };
	return true;
}

bool ram_read(u64 page)
{
	const void *from = ram_access(page, EPT_READ);
	u8 expected[PAGE_SIZE];

	if (!from)
		return false;
	page_make(expected, ram[page].kind, ram[page].number);
	if (memcmp(from, expected, PAGE_SIZE))
		fail_msg("page %lx is not as it was written (kind %u, number %lx); step %lu with "
			 "SEED=%lu",
			 page, ram[page].kind, ram[page].number, fake_step, fake_seed);
	return true;
}

void ram_reclaim_all(void)
{
	while (reclaim_direct(&reclaim) == -EBUSY)
		;
}

bool ram_resident(u64 page)
{
	return backing.entries[page] & P_PRESENT;
}

u64 *ram_kept(u64 page)
{
	return &backing.kept[page];
}

/* The pages on LIST, by its links both ways. */
static u64 count_list(enum lru_list list)
{
	const struct lru *l = &backing.lru;
	u64 n = 0;
	u32 prev = 0;

	for (u32 at = l->list[list].head; at; at = l->pages[at - 1].next) {
		CHECK(l->pages[at - 1].prev == prev && l->pages[at - 1].on == list + 1u);
		prev = at;
		n++;
	}
	CHECK(l->list[list].tail == prev && l->list[list].count == n);
	return n;
}

static void check_page(u64 page, u64 *resident, u64 *kept)
{
	u64 p = backing.entries[page], leaf = leaf_of(backing_gfn(&backing, page));

	CHECK(!(p & P_MOVING));
	if (p & P_PRESENT) {
		u64 pfn = (p & P_ADDRESS) >> PAGE_SHIFT;

		CHECK(p == (pfn << PAGE_SHIFT | P_PRESENT));
		CHECK(frame_owner(pfn) == OWNER && frame_noted(pfn) == page);
		CHECK(!leaf || leaf == pfn << PAGE_SHIFT);
		CHECK(backing.lru.pages[page].on); /* or it would stay for good */
		*kept += backing.kept[page] != 0;
		++*resident;
		return;
	}
	CHECK(p == 0 || p == P_SAME || p == P_PACKED);
	CHECK(!leaf && !backing.lru.pages[page].on);
	if (p == 0)
		CHECK(backing.kept[page] == 0);
	*kept += p == P_PACKED;
}

void ram_check(void)
{
	u64 resident = 0, kept = 0;

	for (u64 page = 0; page <= RAM_PAGES; page++)
		check_page(page, &resident, &kept);
	CHECK(kept == backing.store.pages);
	CHECK(frame_used(OWNER) == resident + backing.store.frames);
	CHECK(count_list(LRU_INACTIVE) + count_list(LRU_ACTIVE) == resident);
	CHECK(backing_resident(&backing) == resident);
	CHECK(!reclaim.busy.taken && !reclaim.batch.npages);
}

void ram_verify_all(void)
{
	for (u64 page = 0; page <= RAM_PAGES; page++)
		CHECK(ram_read(page));
}
