/* SPDX-License-Identifier: GPL-2.0-or-later */
/* INVEPT and INVVPID, with CF and ZF checked: a failed invalidation would leave stale mappings
 * behind in silence. */
#ifndef EPT_INVEPT_H
#define EPT_INVEPT_H

#include "mm/host.h"

enum { INVEPT_SINGLE = 1, INVEPT_ALL = 2 };
enum { INVVPID_SINGLE = 1, INVVPID_ALL = 2 };

struct invept_desc {
	u64 eptp, reserved;
};

struct invvpid_desc {
	u64 vpid, linear;
};

#if __STDC_HOSTED__ /* unit tests define them: tests/unit/fake.c */
void invept(u64 type, u64 eptp);
void invvpid(u64 type, u16 vpid);
#else
/* Drops this CPU's guest-physical and combined mappings of one EP4TA, or of all. The descriptor
 * takes the whole EPTP; bits that are wrong in it make the instruction fail. */
static inline void invept(u64 type, u64 eptp)
{
	struct invept_desc desc = { eptp, 0 };
	bool failed;

	asm volatile("invept %2, %1" : "=@ccbe"(failed) : "r"(type), "m"(desc) : "memory");
	if (unlikely(failed))
		panic("invept: type %lu failed for EPTP %lx", type, eptp);
}

/* Drops this CPU's combined and linear mappings of one VPID, or of all but VPID 0. */
static inline void invvpid(u64 type, u16 vpid)
{
	struct invvpid_desc desc = { vpid, 0 };
	bool failed;

	asm volatile("invvpid %2, %1" : "=@ccbe"(failed) : "r"(type), "m"(desc) : "memory");
	if (unlikely(failed))
		panic("invvpid: type %lu failed for VPID %u", type, vpid);
}
#endif

#endif
