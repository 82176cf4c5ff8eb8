/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "mm/frame.h"
#include "tests/unit/world.h"

#define WORDS (PAGE_SIZE / sizeof(u64))

struct backing backing;
struct ept ept;
struct batch batch;
const char *const protocol_names[] = { PROTOCOL_NAMES };
const unsigned nprotocols = ARRAY_SIZE(protocol_names);
static u64 free_before;

/* For most tests none of these may happen; the others have their own. */
__attribute__((weak)) void gate_kick(struct gate *g)
{
	fail_msg("gate %u kicked", g->id);
}

__attribute__((weak)) void gate_late(struct gate *g, unsigned round)
{
	fail_msg("gate %u late, round %u", g->id, round);
}

__attribute__((weak)) void gate_no_memory(struct gate *g, u64 gfn)
{
	fail_msg("no memory for page %lx of gate %u", gfn, g->id);
}

int world_setup(void **state)
{
	(void)state;
	if (!frames_total())
		fake_frames(WORLD_FRAMES);
	free_before = frames_free();
	fake_on_relax = NULL;
	fake_on_invept = NULL;
	fake_on_trace = NULL;
	fake_vmcs_clear();
	memset(&batch, 0, sizeof(batch));
	if (backing_init(&backing, OWNER, RAM_PAGES) ||
	    ept_init(&ept, &backing, OWNER, EPT_CAP_2M | EPT_CAP_AD))
		return -1;
	ept.protocol = protocol_find("ordered");
	batch.ept = &ept;
	return 0;
}

int world_teardown(void **state)
{
	(void)state;
	fake_frames_back();
	ept_destroy(&ept);
	backing_destroy(&backing);
	return frames_free() == free_before ? 0 : -1;
}

void world_add_gate(struct gate *g)
{
	memset(g, 0, sizeof(*g));
	g->id = g->cpu = ept.ngates;
	ept.gates[ept.ngates++] = g;
}

u64 p_of(u64 gfn)
{
	return *backing_entry(&backing, gfn);
}

u64 frame_at(u64 gfn)
{
	return (p_of(gfn) & P_ADDRESS) >> PAGE_SHIFT;
}

u64 leaf_of(u64 gfn)
{
	u64 gpa = gfn << PAGE_SHIFT;
	struct ept_leaf leaf = ept_walk(&ept, gpa);

	if (!leaf.level)
		return 0;
	return (leaf.value & EPT_ADDRESS) + (gpa & (ept_level_size(leaf.level) - 1));
}

unsigned level_of(u64 gfn)
{
	return ept_walk(&ept, gfn << PAGE_SHIFT).level;
}

void populate(u64 gfn)
{
	u64 *p;

	assert_int_equal(ept_fault(&ept, gfn << PAGE_SHIFT, EPT_READ), 0);
	p = frame_ptr(frame_at(gfn));
	for (unsigned i = 0; i < WORDS; i++)
		p[i] = gfn << 32 | i;
}

void assert_contents(u64 gfn)
{
	const u64 *p = frame_ptr(frame_at(gfn));

	for (unsigned i = 0; i < WORDS; i++)
		assert_int_equal(p[i], gfn << 32 | i);
}

void assert_poisoned(u64 pfn)
{
	const u64 *p = frame_ptr(pfn);

	assert_int_equal(frame_owner(pfn), OWNER_FREE);
	for (unsigned i = 0; i < WORDS; i++)
		assert_int_equal(p[i], POISON | (pfn & ~POISON_MASK));
}
