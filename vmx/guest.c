/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guests: made whole before they run, taken apart when all their vCPUs have left. */
#include "mm/frame.h"
#include "vmx/guest.h"
#include "vmx/vmx.h"

/* What the guest reads when the processor does not trap: not zero, and the offset tells which
 * register. */
#define RAW_PATTERN 0x5a5a0000u

static struct guest the_guest;
static u16 last_id;

static void fill_raw(struct backing *b)
{
	u32 *raw = frame_ptr((*backing_entry(b, APIC_ACCESS_GFN) & P_ADDRESS) >> PAGE_SHIFT);

	for (u32 i = 0; i < PAGE_SIZE / sizeof(*raw); i++)
		raw[i] = RAW_PATTERN | i * (u32)sizeof(*raw);
}

static int load_memory(struct guest *g, const struct guest_config *c)
{
	static const u8 nothing;
	struct guest_info info = { .magic = GUEST_INFO_MAGIC,
				   .vcpus = c->vcpus,
				   .ram_pages = GUEST_RAM_PAGES,
				   .arg = c->arg,
				   .seed = c->seed,
				   .ticks_per_us = c->ticks_per_us };
	int err = guest_load(g, GUEST_LOAD_GPA, c->image, c->image_size);

	if (!err)
		err = guest_load(g, GUEST_INFO_GPA, &info, sizeof(info));
	if (!err)
		err = guest_load(g, APIC_ACCESS_GPA, &nothing, 1);
	if (!err)
		fill_raw(&g->backing);
	return err;
}

static int create_vcpus(struct guest *g, const struct guest_config *c)
{
	for (g->nvcpus = 0; g->nvcpus < c->vcpus; g->nvcpus++) {
		unsigned i = g->nvcpus;
		struct vcpu *v = vcpu_create(g, i, i + 1);

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
	g->vcpus[0]->lapic.startup = STARTUP_SIPI | GUEST_SIPI_VECTOR;
	g->vcpus[0]->bad_state = c->bad_state;
	return 0;
}

struct guest *guest_create(const struct guest_config *c, const char **err)
{
	struct guest *g = &the_guest;
	u64 bitmap;

	*g = (struct guest){ .id = ++last_id, .mute = c->mute };
	*err = "not enough memory for the guest";
	if (backing_init(&g->backing, g->id, GUEST_RAM_PAGES))
		return NULL;
	if (ept_init(&g->ept, &g->backing, g->id, vmx_caps.ept_vpid)) {
		backing_destroy(&g->backing);
		return NULL;
	}
	g->ept.protocol = c->protocol;
	g->ept.large = c->large && (vmx_caps.ept_vpid & EPT_CAP_2M);
	g->io_bitmaps = frame_alloc_run(OWNER_HOST, 2, 1) << PAGE_SHIFT;
	bitmap = frame_alloc(OWNER_HOST);
	g->msr_bitmap = bitmap << PAGE_SHIFT;
	if (!g->io_bitmaps || !bitmap || load_memory(g, c) || create_vcpus(g, c)) {
		guest_destroy(g);
		return NULL;
	}
	memset((void *)g->io_bitmaps, 0xff, 2 * PAGE_SIZE);
	msr_bitmap_init((u8 *)g->msr_bitmap);
	return g;
}

void guest_destroy(struct guest *g)
{
	for (unsigned i = 0; i < g->nvcpus; i++)
		vcpu_destroy(g->vcpus[i]);
	if (g->msr_bitmap)
		frame_free(g->msr_bitmap >> PAGE_SHIFT, OWNER_HOST);
	for (unsigned i = 0; g->io_bitmaps && i < 2; i++)
		frame_free((g->io_bitmaps >> PAGE_SHIFT) + i, OWNER_HOST);
	ept_destroy(&g->ept);
	backing_destroy(&g->backing);
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
	for (unsigned i = 0; i < g->nvcpus; i++)
		vcpu_request(g->vcpus[i], REQ_STOP);
}
