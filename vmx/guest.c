/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guests: made whole before they run, taken apart when all their vCPUs have left. */
#include "mm/frame.h"
#include "vmx/guest.h"
#include "vmx/vmx.h"

/* What the guest reads when the processor does not trap: not zero, and the offset tells which
 * register. */
#define RAW_PATTERN 0x5a5a0000u

#define SELF_FRAMES ((sizeof(struct guest) + PAGE_SIZE - 1) >> PAGE_SHIFT)
#define IO_BITMAP_FRAMES 2
#define MSR_BITMAP_FRAMES 2

static u16 last_id;

/* E when all of it is mapped by 4-KB leaves. A table has 512 entries. */
static u64 table_frames(u64 ram_pages)
{
	u64 leaf_tables = (ram_pages + 511) / 512;
	u64 directories = (leaf_tables + 511) / 512;

	/* The root and the table under it cover all; a directory and a table are the APIC page's. */
	return 2 + directories + leaf_tables + 2;
}

/* What is held for the guest besides what its account is charged with. */
static u64 fixed_frames(const struct guest_config *c)
{
	return SELF_FRAMES + IO_BITMAP_FRAMES + MSR_BITMAP_FRAMES + c->vcpus * VCPU_FRAMES +
	       table_frames(c->ram_pages) + backing_frames(c->ram_pages);
}

u64 guest_frames(const struct guest_config *c)
{
	return c->mem ? c->mem : fixed_frames(c) + c->ram_pages + 1 + BATCH_MAX;
}

/* NULL, or why the guest cannot get on with its budget. */
static const char *check_budget(const struct guest_config *c)
{
	static char why[160];
	/* What is loaded, and the APIC-access page, are there before reclaim can begin. */
	u64 least = fixed_frames(c) + c->loaded + 1 + reclaim_least(c->vcpus, c->batch);

	if (!c->mem || c->mem >= least)
		return NULL;
	format(why, sizeof(why),
	       "mem = %luK is too little: this guest, with guest_mem = %luM and %u vCPU%s, needs "
	       "at "
	       "least %lu KB, %lu KB of them for tables and the like",
	       c->mem << 2, c->ram_pages >> 8, c->vcpus, c->vcpus == 1 ? "" : "s", least << 2,
	       fixed_frames(c) << 2);
	return why;
}

#define RAW_WORDS (PAGE_SIZE / sizeof(u32))

static u32 raw_pattern(u32 i)
{
	return RAW_PATTERN | i * (u32)sizeof(u32);
}

static void fill_raw(u32 *raw)
{
	for (u32 i = 0; i < RAW_WORDS; i++)
		raw[i] = raw_pattern(i);
}

static u32 untouched[RAW_WORDS]; /* what fill_raw() makes */

/* Once for nearly each move of the page: one tick for 8 bytes on Bochs, where a loop has 14. */
static bool is_untouched(const u32 *raw)
{
	const u32 *wanted = untouched;
	u64 count = sizeof(untouched) / sizeof(u64);
	bool same;

	asm volatile("repe cmpsq"
		     : "+S"(raw), "+D"(wanted), "+c"(count), "=@ccz"(same)
		     :
		     : "memory");
	return same;
}

/* The page is plain memory for a vCPU whose APIC is off, or in x2APIC mode. */
static bool all_trap(const struct guest *g)
{
	for (unsigned i = 0; i < g->nvcpus; i++)
		if (!(__atomic_load_n(&g->vcpus[i]->proc2, __ATOMIC_ACQUIRE) &
		      PROC2_VIRTUALIZE_APIC_ACCESSES))
			return false;
	return true;
}

/* A guest that does not know Interlock cannot tell when the processor does not trap. But it writes to
 * its APIC all the time, and what it wrote past the trap is found here. */
void apic_page_leaves(struct ept *e, void *frame)
{
	struct guest *g = (struct guest *)((char *)e - offsetof(struct guest, ept));
	u32 *raw = frame, i = 0;
	bool was_memory;

	if (!all_trap(g))
		return;
	was_memory = __atomic_exchange_n(&g->apic_was_memory, false, __ATOMIC_ACQ_REL);
	if (is_untouched(raw))
		return;
	while (i < RAW_WORDS - 1 && raw[i] == raw_pattern(i))
		i++;
	if (!was_memory)
		guest_wrote_raw(g, APIC_ACCESS_GPA + i * sizeof(u32), raw[i], raw_pattern(i));
	fill_raw(raw);
}

static int load_apic_page(struct guest *g)
{
	static const u8 nothing;
	int err = guest_load(g, APIC_ACCESS_GPA, &nothing, 1);

	fill_raw(untouched);
	if (!err)
		fill_raw(frame_ptr((*backing_entry(&g->backing, APIC_ACCESS_GFN) & P_ADDRESS) >>
				   PAGE_SHIFT));
	return err;
}

static int create_vcpus(struct guest *g, const struct guest_config *c)
{
	for (g->nvcpus = 0; g->nvcpus < c->vcpus; g->nvcpus++) {
		unsigned i = g->nvcpus;
		struct vcpu *v = vcpu_create(g, i, c->first_cpu + i);

		if (!v)
			return -ENOMEM;
		v->apicv = c->apicv;
		v->lapic.peers = g->lapics;
		v->lapic.npeers = c->vcpus;
		g->vcpus[i] = v;
		g->lapics[i] = &v->lapic;
		g->ept.gates[i] = &v->gate;
		g->ept.ngates = i + 1;
	}
	g->vcpus[0]->bad_state = c->bad_state;
	return 0;
}

/* Opens the account and makes P and E; nothing is left behind when it fails. */
static int create_memory(struct guest *g, const struct guest_config *c)
{
	g->fixed = fixed_frames(c);
	g->budget = c->mem ? c->mem - g->fixed : 0;
	frame_account(g->id, g->budget ? g->budget : ~0ul, reclaim_reserve(c->batch));
	if (backing_init(&g->backing, g->id, c->ram_pages))
		return -ENOMEM;
	if (ept_init(&g->ept, &g->backing, g->id, vmx_caps.ept_vpid)) {
		backing_destroy(&g->backing);
		return -ENOMEM;
	}
	g->ept.protocol = c->protocol;
	g->ept.large = c->large && (vmx_caps.ept_vpid & EPT_CAP_2M);
	reclaim_init(&g->reclaim, &g->ept, c->batch);
	return 0;
}

static void free_self(struct guest *g)
{
	u64 first = frame_of(g);

	for (u64 i = 0; i < SELF_FRAMES; i++)
		frame_free(first + i, OWNER_HOST);
}

struct guest *guest_create(const struct guest_config *c, const char **err)
{
	struct guest *g;
	u64 self;

	*err = check_budget(c);
	if (*err)
		return NULL;
	*err = "not enough memory for the guest";
	self = frame_alloc_run(OWNER_HOST, SELF_FRAMES, 1);
	if (!self)
		return NULL;
	g = frame_ptr(self);
	g->id = ++last_id;
	g->mute = c->mute;
	g->foreign = c->foreign;
	g->x2apic = c->x2apic;
	g->ticks_per_us = c->ticks_per_us;
	if (create_memory(g, c)) {
		free_self(g);
		return NULL;
	}
	g->io_bitmaps = frame_alloc_run(OWNER_HOST, IO_BITMAP_FRAMES, 1) << PAGE_SHIFT;
	g->msr_bitmaps = frame_alloc_run(OWNER_HOST, MSR_BITMAP_FRAMES, 1) << PAGE_SHIFT;
	if (!g->io_bitmaps || !g->msr_bitmaps || load_apic_page(g) || create_vcpus(g, c)) {
		guest_destroy(g);
		return NULL;
	}
	memset((void *)g->io_bitmaps, 0xff, IO_BITMAP_FRAMES * PAGE_SIZE);
	msr_bitmaps_init((u8 *)g->msr_bitmaps, c->apicv);
	pc_reset(g);
	guest_start_at(g, &(struct guest_start){ .mode = START_REAL, .rip = GUEST_LOAD_GPA });
	return g;
}

void guest_start_at(struct guest *g, const struct guest_start *start)
{
	g->start = *start;
	g->vcpus[0]->first = true;
	g->vcpus[0]->lapic.startup = STARTUP_SIPI | (u32)(start->rip >> PAGE_SHIFT & 0xff);
}

void guest_destroy(struct guest *g)
{
	for (unsigned i = 0; i < g->nvcpus; i++)
		vcpu_destroy(g->vcpus[i]);
	for (unsigned i = 0; g->msr_bitmaps && i < MSR_BITMAP_FRAMES; i++)
		frame_free((g->msr_bitmaps >> PAGE_SHIFT) + i, OWNER_HOST);
	for (unsigned i = 0; g->io_bitmaps && i < IO_BITMAP_FRAMES; i++)
		frame_free((g->io_bitmaps >> PAGE_SHIFT) + i, OWNER_HOST);
	reclaim_exit(&g->reclaim);
	ept_destroy(&g->ept);
	backing_destroy(&g->backing);
	if (frame_used(g->id))
		panic("frames: guest %u is gone, and %lu frames are still its own", g->id,
		      frame_used(g->id));
	free_self(g);
}

static void leave_all(struct guest *g)
{
	for (unsigned i = 0; i < g->nvcpus; i++)
		vcpu_request(g->vcpus[i], REQ_STOP);
}

void guest_exit(struct guest *g, u32 value)
{
	if (!__atomic_exchange_n(&g->stopping, true, __ATOMIC_SEQ_CST)) {
		g->exit_value = value;
		__atomic_store_n(&g->ended, true, __ATOMIC_RELEASE);
	}
	leave_all(g);
}

void guest_stop(struct guest *g, const char *fmt, ...)
{
	va_list args;

	if (!__atomic_exchange_n(&g->stopping, true, __ATOMIC_SEQ_CST)) {
		va_start(args, fmt);
		vformat(g->stop_reason, sizeof(g->stop_reason), fmt, args);
		va_end(args);
		__atomic_store_n(&g->stopped, true, __ATOMIC_RELEASE);
	}
	leave_all(g);
}
