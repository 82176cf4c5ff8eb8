/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a guest can reach, looked at from E: that is all there is to its isolation. */
#include "ept/ept.h"
#include "mm/frame.h"
#include "mm/host.h"

static void audit_frames(const struct ept *e, u64 gpa, u64 leaf, unsigned level)
{
	u64 first = (leaf & EPT_ADDRESS) >> PAGE_SHIFT, count = ept_level_size(level) >> PAGE_SHIFT;

	for (u64 i = 0; i < count; i++) {
		const u64 *p = backing_entry(e->backing, (gpa >> PAGE_SHIFT) + i);

		if (frame_owner(first + i) != e->owner)
			panic("isolation: guest %u reaches frame %lx at guest-physical %lx, which is of "
			      "owner %u",
			      e->owner, first + i, gpa + (i << PAGE_SHIFT), frame_owner(first + i));
		if (!p || (*p & P_ADDRESS) >> PAGE_SHIFT != first + i)
			panic("isolation: E has frame %lx at guest-physical %lx, P has %lx", first + i,
			      gpa + (i << PAGE_SHIFT), p ? *p : 0);
	}
}

static u64 audit(const struct ept *e, const u64 *table, u64 gpa, unsigned level)
{
	u64 pages = 0;

	for (u64 i = 0; i < PAGE_SIZE / sizeof(*table); i++, gpa += ept_level_size(level)) {
		u64 entry = table[i];

		if (!(entry & EPT_RWX))
			continue;
		if (level > 1 && !(entry & EPT_LARGE)) {
			pages += audit(e, (const u64 *)(entry & EPT_ADDRESS), gpa, level - 1);
			continue;
		}
		audit_frames(e, gpa, entry, level);
		pages += ept_level_size(level) >> PAGE_SHIFT;
	}
	return pages;
}

u64 ept_audit(const struct ept *e)
{
	return audit(e, (const u64 *)(e->eptp & EPT_ADDRESS), 0, 4);
}
