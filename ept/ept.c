/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * EPT paging structures: four levels, leaves of 4 KB, 2 MB and 1 GB. The processor reads entries at
 * any time: each changes by one store.
 *
 * The note of a table's frame counts the table's entries, so that an empty one is known without a look
 * at it. (The entry that leads to the table has ignored bits that would do; but an outer hypervisor that
 * shadows E takes each write there for a change of all that lies below.)
 */
#include "ept/ept.h"
#include "ept/order.h"
#include "mm/frame.h"

#define LEVELS 4
#define ENTRIES 512
_Static_assert(ENTRIES * sizeof(u64) == PAGE_SIZE, "a table fills a page");

static unsigned index_at(u64 gpa, unsigned level)
{
	return (gpa >> (PAGE_SHIFT + 9 * (level - 1))) & (ENTRIES - 1);
}

static bool is_leaf(u64 entry, unsigned level)
{
	return level == 1 || (entry & EPT_LARGE);
}

static u64 *table_of(u64 entry)
{
	return (u64 *)(entry & EPT_ADDRESS);
}

int ept_init(struct ept *e, struct backing *b, u16 owner, u64 caps)
{
	u64 root = frame_alloc(OWNER_HOST);

	if (!root)
		return -ENOMEM;
	*e = (struct ept){ .backing = b, .owner = owner, .caps = caps, .generation = 1 };
	e->eptp = root << PAGE_SHIFT | EPTP_WALK_4 | (EPT_MEMTYPE_WB >> 3);
	if (caps & EPT_CAP_AD)
		e->eptp |= EPTP_ACCESSED_DIRTY;
	return 0;
}

static void free_table(u64 *table, unsigned level)
{
	for (unsigned i = 0; i < ENTRIES; i++)
		if (level > 1 && (table[i] & EPT_RWX) && !is_leaf(table[i], level))
			free_table(table_of(table[i]), level - 1);
	frame_free(frame_of(table), OWNER_HOST);
}

void ept_destroy(struct ept *e)
{
	free_table(table_of(e->eptp), LEVELS);
	e->eptp = 0;
}

struct ept_leaf ept_walk(const struct ept *e, u64 gpa)
{
	u64 *table = table_of(e->eptp);

	for (unsigned level = LEVELS;; level--) {
		u64 *entry = &table[index_at(gpa, level)];
		u64 value = order_load(walk_entry, entry);

		if (!(value & EPT_RWX))
			return (struct ept_leaf){ 0 };
		if (is_leaf(value, level))
			return (struct ept_leaf){ value, entry, level };
		table = table_of(value);
	}
}

bool ept_empty(const struct ept *e, u64 gpa, unsigned level)
{
	u64 *table = table_of(e->eptp);

	for (unsigned l = LEVELS;; l--) {
		u64 entry = order_load(empty_entry, &table[index_at(gpa, l)]);

		if (!(entry & EPT_RWX))
			return true;
		if (l == level || is_leaf(entry, l))
			return false;
		table = table_of(entry);
	}
}

static bool level_ok(const struct ept *e, unsigned level)
{
	return level == 1 || (level == 2 && (e->caps & EPT_CAP_2M)) ||
	       (level == 3 && (e->caps & EPT_CAP_1G));
}

/* N more entries, or less, in the table of ENTRY. */
static void count(const u64 *entry, int n)
{
	order_add(count_entry, frame_note_of(frame_of(entry)), (u32)n);
}

int ept_map(struct ept *e, u64 gpa, u64 hpa, unsigned level, u64 perm)
{
	u64 *table = table_of(e->eptp), *entry, value;

	if (!level_ok(e, level) || ((gpa | hpa) & (ept_level_size(level) - 1)) ||
	    !(perm & EPT_READ) || (perm & ~EPT_RWX) || ((gpa | hpa) & ~EPT_ADDRESS) ||
	    gpa >> (PAGE_SHIFT + 9 * LEVELS))
		return -EINVAL;
	for (unsigned l = LEVELS; l > level; l--) {
		entry = &table[index_at(gpa, l)];
		value = order_load(map_table, entry);
		if (!(value & EPT_RWX)) {
			u64 child = frame_alloc(OWNER_HOST);

			if (!child)
				return -ENOMEM;
			value = child << PAGE_SHIFT | EPT_RWX;
			order_store(map_grow, entry, value);
			count(entry, 1);
		} else if (is_leaf(value, l)) {
			return -EEXIST;
		}
		table = table_of(value);
	}
	entry = &table[index_at(gpa, level)];
	if (order_load(map_entry, entry) & EPT_RWX)
		return -EEXIST;
	order_store(map_leaf, entry, hpa | EPT_MEMTYPE_WB | perm | (level > 1 ? EPT_LARGE : 0));
	count(entry, 1);
	return 0;
}

int ept_split(struct ept *e, u64 gpa)
{
	struct ept_leaf leaf = ept_walk(e, gpa);
	u64 size, child;
	u64 *table;

	if (leaf.level < 2)
		return -ENOENT;
	child = frame_alloc(OWNER_HOST);
	if (!child)
		return -ENOMEM;
	table = frame_ptr(child);
	order_store(split_count, frame_note_of(child), ENTRIES);
	size = ept_level_size(leaf.level - 1);
	do { /* again when the processor has set A or D in the leaf meanwhile */
		for (unsigned i = 0; i < ENTRIES; i++)
			table[i] = (leaf.value + i * size) & ~(leaf.level == 2 ? EPT_LARGE : 0);
	} while (!order_cas(split_entry, leaf.entry, &leaf.value, child << PAGE_SHIFT | EPT_RWX));
	e->splits++;
	return 0;
}

/* The 4-KB leaf of GPA, after as many splits as it takes. */
static int small_leaf(struct ept *e, u64 gpa, struct ept_leaf *leaf)
{
	for (;;) {
		*leaf = ept_walk(e, gpa);
		if (leaf->level < 2)
			return 0;
		if (ept_split(e, gpa))
			return -ENOMEM;
	}
}

int ept_unmap(struct ept *e, u64 gpa, u64 *old)
{
	struct ept_leaf leaf;
	int err = small_leaf(e, gpa, &leaf);

	*old = 0;
	if (err || !leaf.level)
		return err;
	/*
	 * The processor sets A and D in the entry at any time: the exchange keeps the last of them.
	 */
	*old = order_xchg(unmap_entry, leaf.entry, 0);
	count(leaf.entry, -1);
	return 0;
}

unsigned ept_prune(struct ept *e, u64 gpa, u64 *tables)
{
	u64 *table = table_of(e->eptp), *path[LEVELS + 1], value = 0;
	unsigned n = 0, level = LEVELS;

	for (; level > 1; level--) {
		path[level] = &table[index_at(gpa, level)];
		value = order_load(prune_walk, path[level]);
		if (!(value & EPT_RWX) || is_leaf(value, level))
			break;
		table = table_of(value);
	}
	/* path[level] leads to the table of the level below. */
	for (level++; level <= 1 + EPT_PRUNE_MAX; level++) {
		value = order_load(prune_table, path[level]) >> PAGE_SHIFT;
		if (order_load(prune_count, frame_note_of(value)))
			break;
		order_xchg(prune_entry, path[level], 0);
		count(path[level], -1);
		tables[n++] = value;
	}
	return n;
}

struct ept_leaf ept_age(struct ept *e, u64 gpa)
{
	struct ept_leaf leaf = ept_walk(e, gpa);

	if (leaf.value & EPT_ACCESSED)
		order_and(age_entry, leaf.entry, ~EPT_ACCESSED);
	return leaf;
}

int ept_protect(struct ept *e, u64 gpa, u64 perm)
{
	struct ept_leaf leaf;
	int err;

	if (!(perm & EPT_READ) || (perm & ~EPT_RWX))
		return -EINVAL;
	err = small_leaf(e, gpa, &leaf);
	if (err)
		return err;
	if (!leaf.level)
		return -ENOENT;
	while (!order_cas(protect_entry, leaf.entry, &leaf.value, (leaf.value & ~EPT_RWX) | perm))
		;
	return 0;
}
