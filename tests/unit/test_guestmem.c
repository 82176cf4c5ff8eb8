/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The hypervisor's own accesses of guest memory, and the guest's page tables in each paging mode. Writes
 * beside invalidators: test_threads.c, test_reclaim_threads.c.
 * links: vmx/guestmem.c vmx/linear.c ept/protocol.c ept/batch.c vmx/fair.c ept/fault.c ept/ept.c ept/reclaim.c
 * links: mm/backing.c
 * links: mm/store.c mm/lz4.c mm/lru.c mm/frame.c tests/unit/world.c tests/unit/fake.c
 */
#include <string.h>

#include "mm/frame.h"
#include "mm/x86.h"
#include "tests/unit/world.h"
#include "vmx/guest.h"
#include "vmx/vmx.h"

#define PTE 3	    /* present, writable */
#define PTE_PS 0x83 /* and large */
#define NX BIT(63)

struct vmx_caps vmx_caps = { .physical_bits = 40 };
static struct vcpu vcpu;
static unsigned relaxed;

static int setup(void **state)
{
	int err = world_setup(state);

	memset(&vcpu, 0, sizeof(vcpu));
	vcpu.ept = &ept;
	world_add_gate(&vcpu.gate);
	relaxed = 0;
	for (u64 gfn = 0x80; gfn < 0x90; gfn++)
		populate(gfn); /* data; the tables come with their first entry */
	return err;
}

static void put(u64 gpa, u64 value, unsigned size)
{
	if (!p_of(gpa >> PAGE_SHIFT))
		assert_int_equal(ept_fault(&ept, gpa, EPT_WRITE), 0);
	memcpy((char *)frame_ptr(frame_at(gpa >> PAGE_SHIFT)) + gpa % PAGE_SIZE, &value, size);
}

/* What populate() put at a guest-physical address. */
static u64 word_at(u64 gpa)
{
	return (gpa >> PAGE_SHIFT) << 32 | gpa % PAGE_SIZE / 8;
}

static void reads(u64 linear, u64 gpa)
{
	u64 word = 0;

	assert_int_equal(guest_read_linear(&vcpu, linear, &word, 8), 0);
	if (word != word_at(gpa))
		fail_msg("linear %lx: %lx, expected %lx", linear, word, word_at(gpa));
	assert_int_equal(vcpu.gate.mode & MODE_MASK, MODE_OUTSIDE);
}

static void faults(u64 linear)
{
	u64 word;

	assert_int_equal(guest_read_linear(&vcpu, linear, &word, 8), -EFAULT);
	assert_int_equal(vcpu.gate.mode & MODE_MASK, MODE_OUTSIDE);
}

static void mode(u64 cr0, u64 cr3, u64 cr4, u64 efer)
{
	fake_vmcs[GUEST_CR0] = cr0;
	fake_vmcs[GUEST_CR3] = cr3;
	fake_vmcs[GUEST_CR4] = cr4;
	vcpu.lme = efer & EFER_LME;
}

static void physical(void **state)
{
	u64 words[3], before = vcpu.gate.mode;
	u8 bytes[600 * 8];

	(void)state;
	assert_int_equal(guest_read(&vcpu, 0x80018, words, sizeof(words)), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(words[i], word_at(0x80018 + 8 * i));
	assert_int_equal(vcpu.gate.mode, before + 4); /* a stay, and over */
	/* Over two page boundaries, of any alignment. */
	for (u64 start = 0x80ff9; start < 0x81001; start++) {
		assert_int_equal(guest_read(&vcpu, start, bytes, sizeof(bytes)), 0);
		for (u64 i = 0; i < sizeof(bytes); i++)
			assert_int_equal(bytes[i],
					 (u8)(word_at((start + i) & ~7ul) >> (start + i) % 8 * 8));
	}
	/* Never touched: zeros, and still nothing backs it. */
	memset(words, 0xff, sizeof(words));
	assert_int_equal(guest_read(&vcpu, 0x50000, words, sizeof(words)), 0);
	assert_int_equal(words[0] | words[1] | words[2], 0);
	assert_int_equal(p_of(0x50), 0);
	assert_int_equal(guest_read(&vcpu, 0x50000, words, 0), 0);
	/* No memory there, or not all of it. */
	assert_int_equal(guest_read(&vcpu, (u64)RAM_PAGES << PAGE_SHIFT, words, 1), -EFAULT);
	assert_int_equal(guest_read(&vcpu, ((u64)RAM_PAGES << PAGE_SHIFT) - 4, words, 8), -EFAULT);
	assert_int_equal(guest_read(&vcpu, 1ul << 60, words, 8), -EFAULT);
}

static void finish_move(void)
{
	if (++relaxed == 3)
		*backing_entry(&backing, 0x80) &= ~P_MOVING;
}

static void stop(void)
{
	if (++relaxed == 3)
		vcpu.gate.requests = REQ_STOP;
}

/* It is no stay while it waits, or the invalidator would wait for it. */
static void waits_for_a_move(void **state)
{
	u64 word, before = vcpu.gate.mode;

	(void)state;
	*backing_entry(&backing, 0x80) |= P_MOVING;
	fake_on_relax = finish_move;
	assert_int_equal(guest_read(&vcpu, 0x80008, &word, 8), 0);
	assert_int_equal(word, word_at(0x80008));
	assert_int_equal(relaxed, 3);
	assert_int_equal(vcpu.gate.mode, before + 4 * 4);
	relaxed = 0;
	*backing_entry(&backing, 0x80) |= P_MOVING;
	fake_on_relax = stop;
	assert_int_equal(guest_read(&vcpu, 0x80008, &word, 8), -EAGAIN);
	assert_int_equal(vcpu.gate.mode & MODE_MASK, MODE_OUTSIDE);
	*backing_entry(&backing, 0x80) &= ~P_MOVING;
}

static void no_paging(void **state)
{
	(void)state;
	mode(CR0_PE, 0x1000, CR4_PAE, 0);
	reads(0x80010, 0x80010);
	reads(0xfff00000080010, 0x80010); /* 32 bits count */
	faults(0x1000000);
}

static void four_levels(void **state)
{
	u64 linear = 0xffff900040201000; /* indices 288, 1, 1, 1 */

	(void)state;
	mode(CR0_PE | CR0_PG, 0x1018, CR4_PAE, EFER_LMA | EFER_LME); /* PCD and PWT in CR3 */
	faults(linear);
	put(0x1000 + 288 * 8, 0x2000 | PTE, 8);
	faults(linear);
	put(0x2000 + 8, 0x3000 | PTE | NX, 8);
	faults(linear);
	put(0x3000 + 8, 0x4000 | PTE, 8);
	faults(linear);
	put(0x4000 + 8, 0x85000 | PTE | NX | 0x7ff0000000000000 | 0xe60, 8); /* ignored bits */
	reads(linear, 0x85000);
	reads(linear + 0xff8, 0x85ff8);
	faults(linear + 0x1000);
	put(0x4000 + 8, (0x85000 | PTE) & ~1ul, 8);
	faults(linear);

	/* 2-MB and 1-GB pages, at 512 KB into the address space: the data is at 0x80000. */
	put(0x3000 + 2 * 8, PTE_PS | BIT(12) /* PAT */, 8);
	put(0x2000 + 2 * 8, PTE_PS, 8);
	linear = 0xffff900000000000;
	reads(linear + (1ul << 30) + (2ul << 21) + 0x86018, 0x86018);
	reads(linear + (2ul << 30) + 0x87020, 0x87020);
	faults(linear + (2ul << 30) + (5ul << 21)); /* translated, but there is no memory */
	/* In the root, bit 7 is no page. */
	put(0x1000 + 288 * 8, 0x2000 | PTE_PS, 8);
	reads(linear + (2ul << 30) + 0x87020, 0x87020);
	/* A table where there is no memory. */
	put(0x1000, 0x40000000 | PTE, 8);
	faults(0x123000);
}

static void pae(void **state)
{
	(void)state;
	mode(CR0_PE | CR0_PG, 0x1fe0, CR4_PAE, 0); /* four entries at a 32-byte boundary */
	put(0x1fe0 + 3 * 8, 0x2000 | 1, 8);
	put(0x2000 + 5 * 8, 0x3000 | PTE, 8);
	put(0x3000 + 7 * 8, 0x88000 | PTE | NX, 8);
	reads(0xc0a07010, 0x88010);
	reads(0xffffffffc0a07010, 0x88010);
	faults(0xc0a08010);
	faults(0x80a07010);
	put(0x2000 + 6 * 8, PTE_PS, 8);
	reads(0xc0c89030, 0x89030);
	put(0x1fe0, 0x2000 | 0x81, 8); /* no large pages there */
	reads(0x00a07018, 0x88018);
}

static void two_levels(void **state)
{
	(void)state;
	mode(CR0_PE | CR0_PG, 0x1ff8, 0, 0); /* the low 12 bits of CR3 are no address */
	put(0x1000 + 0x301 * 4, 0x2000 | PTE, 4);
	put(0x2000 + 0x3ff * 4, 0x8a000 | PTE, 4);
	reads(0xc07ff038, 0x8a038);
	faults(0xc07fe038);
	faults(0xc0800000);
	/* 4-MB pages need CR4.PSE; without, bit 7 is ignored. */
	put(0x1000 + 0x200 * 4, 0x2000 | PTE_PS, 4);
	reads(0x803ff010, 0x8a010);
	mode(CR0_PE | CR0_PG, 0x1000, BIT(4) /* PSE */, 0);
	put(0x1000 + 0x200 * 4, PTE_PS | 0x1000 /* PAT */, 4);
	reads(0x8008b048, 0x8b048);
	reads(0xc07ff038, 0x8a038);
	/* The tables' neighbours are other entries. */
	put(0x1000 + 0x201 * 4, 0, 4);
	faults(0x80400000);
}

/* Two linear pages that are far from one another, and one that is missing. */
static void crosses_pages(void **state)
{
	u8 bytes[16];

	(void)state;
	mode(CR0_PE | CR0_PG, 0x1000, 0, 0);
	put(0x1000, 0x2000 | PTE, 4);
	put(0x2000 + 4 * 4, 0x8c000 | PTE, 4);
	put(0x2000 + 5 * 4, 0x81000 | PTE, 4);
	for (u64 start = 0x4ff1; start <= 0x5000; start++) {
		assert_int_equal(guest_read_linear(&vcpu, start, bytes, sizeof(bytes)), 0);
		for (u64 i = 0; i < sizeof(bytes); i++) {
			u64 at = start + i;
			u64 gpa = (at < 0x5000 ? 0x8c000 : 0x81000) | at % PAGE_SIZE;

			assert_int_equal(bytes[i], (u8)(word_at(gpa & ~7ul) >> gpa % 8 * 8));
		}
	}
	assert_int_equal(guest_read_linear(&vcpu, 0x5ff0, bytes, 16), 0);
	assert_int_equal(guest_read_linear(&vcpu, 0x5ff1, bytes, 16), -EFAULT);
}

/* ---- the rights of the guest's own accesses ---- */

#define P 1
#define W 2
#define U 4
#define A 0x20
#define D 0x40

static u64 entry_at(u64 gpa)
{
	return *(u64 *)((char *)frame_ptr(frame_at(gpa >> PAGE_SHIFT)) + gpa % PAGE_SIZE);
}

/* A walk of four levels to 0x85000 with these bits in each of its entries, anew. */
static void walk_with(const u64 bits[4])
{
	for (unsigned i = 0; i < 4; i++)
		put(0x1000 * (i + 1) + 8, (i < 3 ? 0x1000 * (i + 2) : 0x85000) | bits[i], 8);
}

#define LINEAR ((1ul << 39) + (1ul << 30) + (1ul << 21) + (1ul << 12))

static void rights(void **state)
{
	static const u64 accesses[] = { LINEAR_GUEST, LINEAR_GUEST | LINEAR_WRITE,
					LINEAR_GUEST | LINEAR_USER,
					LINEAR_GUEST | LINEAR_WRITE | LINEAR_USER };

	(void)state;
	/* Each of P, W and U missing in each entry alone, for each access, by WP, SMAP and AC. */
	for (unsigned n = 0; n < 4 * 4 * 4 * 8; n++) {
		unsigned level = n % 4, missing = n / 4 % 4;
		u64 access = accesses[n / 16 % 4], bits[4], gpa;
		bool wp = n / 64 & 1, smap = n / 64 & 2, ac = n / 64 & 4;
		bool w = missing != 1, u = missing != 2, present = missing != 3, fine;
		u32 error = 0x1234;
		int err;

		for (unsigned i = 0; i < 4; i++)
			bits[i] = (P | W | U) & ~(i == level ? (u64[]){ 0, W, U, P }[missing] : 0);
		walk_with(bits);
		mode(CR0_PE | CR0_PG | (wp ? CR0_WP : 0), 0x1000, CR4_PAE | (smap ? CR4_SMAP : 0),
		     EFER_LME);
		fake_vmcs[GUEST_RFLAGS] = ac ? RFLAGS_AC : 0;
		if (access & LINEAR_USER)
			fine = u && (w || !(access & LINEAR_WRITE));
		else
			fine = (!u || !smap || ac) && (w || !wp || !(access & LINEAR_WRITE));
		err = guest_translate(&vcpu, LINEAR | 0x123, access, &gpa, &error);
		if (err != (present && fine ? 0 : -EACCES))
			fail_msg("case %u: %d", n, err);
		if (err)
			assert_int_equal(error, (access & (W | U)) | (present ? P : 0));
		else
			assert_int_equal(gpa, 0x85123);
		/* Flags: of what was passed on the way, but nothing of a leaf that is refused. */
		for (unsigned i = 0; i < 4; i++) {
			u64 flags = present || i < level ? A : 0;

			if (i == 3)
				flags = err ? 0 : access & LINEAR_WRITE ? A | D : A;
			if ((entry_at(0x1000 * (i + 1) + 8) & (A | D)) != flags)
				fail_msg("case %u: entry %u is %lx, flags %lx expected", n, i,
					 entry_at(0x1000 * (i + 1) + 8), flags);
		}
		/* The hypervisor's look at code sets none, and needs no rights. */
		walk_with(bits);
		assert_int_equal(guest_translate(&vcpu, LINEAR, 0, &gpa, &error),
				 present ? 0 : -EACCES);
		for (unsigned i = 0; i < 4; i++)
			assert_int_equal(entry_at(0x1000 * (i + 1) + 8) & (A | D), 0);
	}
}

/* Each bit that no other test has, in each entry of a walk, which may end in a large page before. */
static void reserved_bits(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 3 * 2 * 4 * 64; n++) {
		unsigned bit = n % 64, level = 4 - n / 64 % 4, leaf = n / 512 + 1;
		bool nxe = n / 256 % 2, wrong;
		u64 bits[4] = { P | W | U, P | W | U, P | W | U, P | W | U }, gpa;
		u32 error = 0;
		int err;

		if (bit < 12 && bit != 7)
			continue;
		if (level < leaf || (bit == 7 && level <= 3) || (bit >= 12 && bit < 40 && level != leaf))
			continue;
		wrong = bit == 63 ? !nxe : bit >= 40 && bit < 52;
		if (bit == 7)
			wrong = true; /* of the fourth level; of others it is a page's size */
		if (bit > 12 && bit < 40) {
			if (bit >= 12 + 9 * (leaf - 1))
				continue; /* the address */
			wrong = true;
		}
		if (leaf > 1)
			bits[4 - leaf] |= 0x80;
		bits[4 - level] |= BIT(bit);
		for (unsigned i = 0; i < 4; i++)
			put(0x1000 * (i + 1) + 8,
			    (i == 4 - leaf ? 0 : i < 3 ? 0x1000 * (i + 2) : 0) | bits[i], 8);
		mode(CR0_PE | CR0_PG | CR0_WP, 0x1000, CR4_PAE, EFER_LME);
		fake_vmcs[GUEST_EFER] = nxe ? EFER_NXE : 0;
		err = guest_translate(&vcpu, LINEAR, LINEAR_GUEST | W, &gpa, &error);
		if (err != (wrong ? -EACCES : 0) || (wrong && error != (P | W | 8)))
			fail_msg("bit %u at level %u, leaf at %u, NXE %u: %d, error %x", bit, level,
				 leaf, nxe, err, error);
		if (level == leaf) /* the hypervisor's look at code does not care */
			assert_int_equal(guest_translate(&vcpu, LINEAR, 0, &gpa, &error), 0);
	}
}

/* Entries of 4 bytes, a large page among them; and the PDPTEs of PAE, which have neither. */
static void rights_32(void **state)
{
	u64 gpa;
	u32 error;

	(void)state;
	mode(CR0_PE | CR0_PG | CR0_WP, 0x1000, CR4_PSE, 0);
	put(0x1000, 0x2000 | P | U, 4);
	put(0x1004, 0x5a5a5a5a, 4);
	put(0x2000, 0x85000 | P | W | U, 4);
	assert_int_equal(guest_translate(&vcpu, 0x10, LINEAR_GUEST | W, &gpa, &error), -EACCES);
	assert_int_equal(error, P | W);
	assert_int_equal(guest_translate(&vcpu, 0x10, LINEAR_GUEST | U, &gpa, &error), 0);
	assert_int_equal(gpa, 0x85010);
	assert_int_equal(entry_at(0x1000), 0x5a5a5a5a00002000 | P | U | A);
	put(0x1008, 0x400000 | P | W | 0x80, 4);
	assert_int_equal(guest_translate(&vcpu, 0x812345, LINEAR_GUEST | W, &gpa, &error), 0);
	assert_int_equal(gpa, 0x412345);
	assert_int_equal((u32)entry_at(0x1008), 0x400000 | P | W | 0x80 | A | D);

	mode(CR0_PE | CR0_PG | CR0_WP, 0x3000, CR4_PAE, 0);
	put(0x3000, 0x4000 | P, 8);
	put(0x4000, 0x5000 | P | W | U, 8);
	put(0x5000, 0x86000 | P | W | U, 8);
	assert_int_equal(guest_translate(&vcpu, 0x18, LINEAR_GUEST | W | U, &gpa, &error), 0);
	assert_int_equal(gpa, 0x86018);
	assert_int_equal(entry_at(0x3000), 0x4000 | P);
	assert_int_equal(entry_at(0x5000), 0x86000 | P | W | U | A | D);
	mode(CR0_PE, 0, 0, 0);
	assert_int_equal(guest_translate(&vcpu, 0x86018, LINEAR_GUEST | W | U, &gpa, &error), 0);
	assert_int_equal(gpa, 0x86018);
}

/* The guest has changed the entry since it was read. */
static void mark_changed(void **state)
{
	(void)state;
	put(0x1000, 0x2001, 8);
	assert_int_equal(guest_mark(&vcpu, 0x1000, 8, 0x2003, A), -EBUSY);
	assert_int_equal(guest_mark(&vcpu, 0x1000, 4, 0x2003, A), -EBUSY);
	assert_int_equal(entry_at(0x1000), 0x2001);
	assert_int_equal(p_of(1) & ~P_ADDRESS, P_PRESENT);
	assert_int_equal(guest_mark(&vcpu, 0x1000, 8, 0x2001, A), 0);
	assert_int_equal(entry_at(0x1000), 0x2001 | A);
	assert_int_equal(guest_mark(&vcpu, 1ul << 40, 8, 0, A), -EFAULT);
}

/* ---- writes ---- */

static void writes(void **state)
{
	u8 bytes[PAGE_SIZE + 100], back[sizeof(bytes)];

	(void)state;
	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (u8)(i * 11 + 3);
	/* Over two boundaries, from a page that is there to one that was never touched. */
	assert_int_equal(guest_write(&vcpu, 0x8fff0, bytes, 16), 0);
	assert_int_equal(guest_write(&vcpu, 0x8fff0, bytes, sizeof(bytes)), 0);
	assert_int_equal(guest_read(&vcpu, 0x8fff0, back, sizeof(back)), 0);
	assert_memory_equal(bytes, back, sizeof(bytes));
	for (u64 gfn = 0x8f; gfn <= 0x91; gfn++)
		assert_int_equal(p_of(gfn) & ~P_ADDRESS, P_PRESENT);
	/* Beside it nothing has changed. */
	assert_int_equal(guest_read(&vcpu, 0x8ffe8, back, 8), 0);
	assert_int_equal(*(u64 *)back, word_at(0x8ffe8));
	assert_int_equal(guest_read(&vcpu, 0x91054, back, 16), 0);
	assert_int_equal(*(u64 *)back | *(u64 *)(back + 8), 0);
	assert_int_equal(guest_write(&vcpu, 0x80000, bytes, 0), 0);
	/* No memory there. */
	assert_int_equal(guest_write(&vcpu, (u64)RAM_PAGES << PAGE_SHIFT, bytes, 1), -EFAULT);
	assert_int_equal(guest_write(&vcpu, APIC_ACCESS_GPA, bytes, 4), -EFAULT);
	assert_int_equal(vcpu.gate.mode & MODE_MASK, MODE_OUTSIDE);
}

static void write_waits_for_a_move(void **state)
{
	u64 word = 0x1122334455667788, was = word_at(0x80008);

	(void)state;
	*backing_entry(&backing, 0x80) |= P_MOVING;
	fake_on_relax = finish_move;
	assert_int_equal(guest_write(&vcpu, 0x80000, &word, 8), 0);
	assert_int_equal(relaxed, 3);
	relaxed = 0;
	*backing_entry(&backing, 0x80) |= P_MOVING;
	fake_on_relax = stop;
	assert_int_equal(guest_write(&vcpu, 0x80008, &word, 8), -EAGAIN);
	assert_int_equal(p_of(0x80) & P_MOVING, P_MOVING); /* it is somebody else's mark */
	*backing_entry(&backing, 0x80) &= ~P_MOVING;
	assert_int_equal(guest_read(&vcpu, 0x80008, &word, 8), 0);
	assert_int_equal(word, was);
}

/* What the store keeps of the page is out of date, though no D in E says so. */
static void write_drops_the_copy(void **state)
{
	u64 word = 0xabcdef, *words = frame_ptr(frame_at(0x80));

	(void)state;
	memset(words, 0, PAGE_SIZE);
	words[2] = 77;
	words[3] = 78;
	batch.ept = &ept;
	assert_int_equal(batch_add_out(&batch, 0x80), 0);
	assert_int_equal(protocol_run(&batch), 1);
	assert_int_equal(p_of(0x80), P_PACKED);
	assert_int_equal(backing.store.pages, 1);
	lru_mark(&backing.lru, 0x80, LRU_STUCK, 0);
	assert_int_equal(guest_write(&vcpu, 0x80010, &word, 8), 0);
	assert_int_equal(p_of(0x80) & ~P_ADDRESS, P_PRESENT);
	assert_int_equal(backing.store.pages, 0);
	assert_int_equal(*backing_kept(&backing, 0x80), 0);
	assert_int_equal(lru_mark(&backing.lru, 0x80, 0, 0) & LRU_STUCK, 0);
	assert_int_equal(backing.dirty[2] & 1, 1);
	/* Out again, and back. */
	assert_int_equal(batch_add_out(&batch, 0x80), 0);
	assert_int_equal(protocol_run(&batch), 1);
	assert_int_equal(p_of(0x80), P_PACKED);
	word = 0;
	assert_int_equal(guest_read(&vcpu, 0x80010, &word, 8), 0);
	assert_int_equal(word, 0xabcdef);
	assert_int_equal(guest_read(&vcpu, 0x80018, &word, 8), 0);
	assert_int_equal(word, 78);
}

static void loads(void **state)
{
	static struct guest guest;
	u8 image[5000];

	(void)state;
	guest = (struct guest){ .id = OWNER, .backing = backing, .ept = ept };
	for (unsigned i = 0; i < sizeof(image); i++)
		image[i] = (u8)(i * 7);
	assert_int_equal(guest_load(&guest, 0x8123, image, sizeof(image)), 0);
	for (u64 i = 0; i < sizeof(image); i++) {
		u64 gpa = 0x8123 + i;

		assert_int_equal(((u8 *)frame_ptr(frame_at(gpa >> 12)))[gpa % PAGE_SIZE], image[i]);
	}
	assert_int_equal(*(u8 *)frame_ptr(frame_at(8)), 0);
	assert_int_equal(guest_load(&guest, (u64)RAM_PAGES << 12, image, 1), -EFAULT);
	fake_frames_leave(0);
	assert_int_equal(guest_load(&guest, 0x8000, image, 10), 0); /* is there already */
	assert_int_equal(guest_load(&guest, 0x20000, image, 10), -ENOMEM);
	fake_frames_back();
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(physical),
		TEST(waits_for_a_move),
		TEST(no_paging),
		TEST(four_levels),
		TEST(pae),
		TEST(two_levels),
		TEST(crosses_pages),
		TEST(loads),
		TEST(rights),
		TEST(rights_32),
		TEST(reserved_bits),
		TEST(mark_changed),
		TEST(writes),
		TEST(write_waits_for_a_move),
		TEST(write_drops_the_copy),
	};

	return cmocka_run_group_tests_name("guestmem", tests, NULL, NULL);
}
