/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Raw actors: what rawtext.c, raw.c (their programs), rawtlb.c and rawguest.c (guests) share. */
#ifndef LAB_RAW_H
#define LAB_RAW_H

#include "lab/lab.h"

/* cpu_model.vmx: 0 is VMX operation with "virtualize APIC accesses", without A/D flags. */
enum {
	RAW_VMXOFF = 1,
	RAW_APIC_OFF = 2,
	RAW_REGISTERS = 4,
	RAW_AD = 8,
	RAW_GUEST = 16,
	RAW_PML = 32
};

enum op_kind {
	/* E and frames */
	RAW_MAP,
	RAW_LARGE,
	RAW_SPLIT,
	RAW_UNMAP,
	RAW_UNLINK_TABLE,
	RAW_FREE_TABLE,
	RAW_COPY,
	RAW_FREE,
	RAW_CLEAR_DIRTY,
	RAW_EXPECT_DIRTY,
	RAW_EXPECT_LOGGED,
	/* the CPU */
	RAW_A,
	RAW_APIC,
	RAW_INVEPT,
	RAW_INVVPID,
	RAW_ROOT,
	RAW_VPID,
	RAW_GUEST_TABLES,
	RAW_SET_AD,
	RAW_SET_PML,
	RAW_VMX_ON,
	RAW_VMX_OFF,
	RAW_NMI,
	RAW_ENTER,
	/* memory */
	RAW_STORE,
	RAW_LOAD,
	RAW_AWAIT,
	RAW_FENCE,
	RAW_XCHG,
	/* the guest */
	RAW_READ,
	RAW_WRITE,
	RAW_WALK,
	RAW_STAY,
	RAW_EXIT,
	/* the test */
	RAW_ONLY,
	RAW_NEVER,
};

#define RAW_FRAMES (PAGES + 3) /* the pages' at the start, and x, y, z */
#define RAW_ROOTS 2

/* The leaf entries of the tables that were there at the start, and the entries above them. */
struct raw_entry {
	u64 *leaf, *above;
	u64 table; /* frame number */
};
extern struct raw_entry raw_entry[RAW_ROOTS][PAGES];

static inline const struct op *raw_op(unsigned actor)
{
	static const struct op none = { .kind = RAW_NEVER, .text = "rest" };
	const struct actor_text *t = &test->actor[actor];

	return m.cpu[actor].at < t->nops ? &t->op[m.cpu[actor].at] : &none;
}

/* ---- rawtlb.c ---- */
void raw_start_tables(void);
u64 *raw_walk(unsigned root, unsigned page, unsigned *level);
bool raw_is_freed(u32 t);
u32 raw_table(const struct cpu_model *c, unsigned page, unsigned n);
u64 raw_leaf_in(u32 t);
void raw_fill_page(struct cpu_model *c, unsigned page);
void raw_drop_page(struct cpu_model *c, unsigned page);
void raw_drop_without_vpid(struct cpu_model *c);

#endif
