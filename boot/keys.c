/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The keys of interlock.cfg, what each may be set to, and where its value goes. */
#include "boot/format.h"
#include "boot/guests.h"
#include "boot/parser.h"
#include "ept/protocol.h"
#include "vmx/apicv.h"
#ifdef INTERLOCK_LAB
#include "lab/parts.h"
#endif

static const char *const protocol_names[] = { PROTOCOL_NAMES, NULL };
static const char *const guest_names[] = { GUEST_NAMES, NULL };
static const char *const fault_names[] = { "none", "entry", "panic", "mute", "storm", NULL };
static const char *const apicv_names[] = { APICV_NAMES, APICV_BEST, NULL };
static const char *const switch_names[] = { "off", "on", NULL };		  /* as bool */
static const char *const host_apic_names[] = { "auto", "xapic", "x2apic", NULL }; /* as enum */

#ifdef INTERLOCK_LAB
static const char *const ablate_names[] = { "none",
#define PART(name, unused) name,
					    PARTS(PART) MORE_PARTS(PART)
#undef PART
						    NULL };
#define LISTED 1600
#else
#define LISTED 160
#endif

enum kind { NAME, INDEX, SWITCH, U32, U64, SIZE, PATH, PATHS, TEXT };

/* NAME is copied into a field of SIZE bytes, and so is the name of a file of the ESP where a NAME may
 * be one (PATH); PATHS are as config_file() has them; TEXT is copied as it is; INDEX is stored as the
 * name's place in NAMES, into config.host_apic; a SIZE is a multiple of STEP. */
static const struct key {
	const char *name;
	enum kind kind;
	size_t offset; /* in struct run_config, but for INDEX */
	size_t size;
	const char *const *names;
	u64 min, max, step;
} keys[] = {
#define RUN_FIELD(f) offsetof(struct run_config, f), sizeof(((struct run_config *)0)->f)
	{ "protocol", NAME, RUN_FIELD(protocol), protocol_names, 0, 0, 0 },
	{ "guest", PATH, RUN_FIELD(guest), guest_names, 0, 0, 0 },
	{ "initrd", PATHS, RUN_FIELD(initrd), NULL, 0, 0, 0 },
	{ "cmdline", TEXT, RUN_FIELD(cmdline), NULL, 0, 0, 0 },
	{ "fault", NAME, RUN_FIELD(fault), fault_names, 0, 0, 0 },
	{ "apicv", NAME, RUN_FIELD(apicv), apicv_names, 0, 0, 0 },
	{ "large", SWITCH, RUN_FIELD(large), switch_names, 0, 0, 0 },
	{ "collapse", SWITCH, RUN_FIELD(collapse), switch_names, 0, 0, 0 },
	{ "x2apic", SWITCH, RUN_FIELD(x2apic), switch_names, 0, 0, 0 },
	{ "cpus", U32, RUN_FIELD(cpus), NULL, 2, MAX_CPUS, 0 },
	{ "batch", U32, RUN_FIELD(batch), NULL, 0, 512, 0 },
	{ "arg", U32, RUN_FIELD(arg), NULL, 0, UINT32_MAX, 0 },
	{ "moves", U64, RUN_FIELD(moves), NULL, 1, ENDLESS, 0 },
	{ "seed", U64, RUN_FIELD(seed), NULL, 0, UINT64_MAX, 0 },
	{ "migrate", U64, RUN_FIELD(migrate), NULL, 0, 1000000000, 0 },
	{ "mem", SIZE, RUN_FIELD(mem), NULL, 0, 64 * GB, PAGE_SIZE },
	{ "guest_mem", SIZE, RUN_FIELD(guest_mem), NULL, 4 * MB, GB, 2 * MB },
	{ "host_apic", INDEX, 0, 0, host_apic_names, 0, 0, 0 },
#ifdef INTERLOCK_LAB
	{ "ablate", NAME, RUN_FIELD(ablate), ablate_names, 0, 0, 0 },
#endif
#undef RUN_FIELD
};

const struct run_config default_run = {
	.protocol = "ordered",
	.guest = "patrol",
	.fault = "none",
	.cpus = 2,
	.seed = 1,
	.apicv = APICV_BEST,
	.large = true,
	.collapse = true,
	.guest_mem = 8 * MB,
#ifdef INTERLOCK_LAB
	.ablate = "none",
#endif
};

/* "a, b, c" of a NULL-terminated list. */
static const char *listed(char buf[LISTED], const char *const *names)
{
	int used = 0;

	buf[0] = '\0';
	for (; *names; names++)
		used += format(buf + used, LISTED - (size_t)used, "%s%s", used ? ", " : "", *names);
	return buf;
}

static int store_text(struct parser *p, const struct key *key, struct slice value)
{
	char *field = (char *)p->run + key->offset;

	if (value.length >= key->size)
		return parse_fail(p, "%s has %zu characters; allowed: %zu", key->name, value.length,
				  key->size - 1);
	memset(field, 0, key->size);
	memcpy(field, value.at, value.length);
	return 0;
}

/* From the ESP's root on, of letters that FAT has. */
static bool is_path(struct slice s)
{
	for (size_t i = 0; i < s.length; i++) {
		char c = s.at[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      c == '.' || c == '_' || c == '-' || c == '+' || c == '\\'))
			return false;
	}
	return s.length > 1 && s.at[0] == '\\';
}

static int check_path(struct parser *p, const struct key *key, struct slice path)
{
	char got[40];

	if (!is_path(path))
		return parse_fail(
			p,
			"%s = %s; allowed: a file on the ESP, such as \\guest\\vmlinuz, of "
			"letters, digits, . _ - +",
			key->name, slice_shown(got, path));
	if (path.length >= FILE_NAME_MAX)
		return parse_fail(p, "%s has %zu characters; allowed: %d", key->name, path.length,
				  FILE_NAME_MAX - 1);
	return 0;
}

static int store_path(struct parser *p, const struct key *key, struct slice value)
{
	int rc = check_path(p, key, value);

	return rc ? rc : store_text(p, key, value);
}

/* "\NAME words, \NAME words": as the files of QEMU's -initrd. */
static int store_paths(struct parser *p, const struct key *key, struct slice value)
{
	char *to = (char *)p->run + key->offset;
	size_t room = key->size - 1; /* for an empty one behind the last */

	memset(to, 0, key->size);
	for (unsigned n = 0;; n++) {
		struct slice one = value, path;
		bool last;
		int rc;

		for (one.length = 0; one.length < value.length && one.at[one.length] != ',';)
			one.length++;
		last = one.length == value.length;
		value.at += one.length + 1;
		value.length -= one.length + 1;
		path = one = slice_trim(one);
		for (path.length = 0; path.length < one.length && !is_blank(one.at[path.length]);)
			path.length++;
		rc = check_path(p, key, path);
		if (rc)
			return rc;
		if (n == MODULES_MAX || one.length >= room)
			return parse_fail(p, "%s is too long; allowed: %u files, %zu characters",
					  key->name, MODULES_MAX, key->size - 2);
		memcpy(to, one.at, one.length);
		to += one.length + 1;
		room -= one.length + 1;
		if (last)
			return 0;
	}
}

static int store_name(struct parser *p, const struct key *key, struct slice value)
{
	char got[40], allowed[LISTED];
	u8 *field = (u8 *)p->run + key->offset;
	unsigned i = 0;

	while (key->names[i] && !slice_equals(value, key->names[i]))
		i++;
	if (!key->names[i])
		return parse_fail(p, "%s = %s is not known; allowed: %s%s", key->name,
				  slice_shown(got, value), listed(allowed, key->names),
				  key->kind == PATH ? ", or a file on the ESP: \\NAME" : "");
	if (key->kind == INDEX) {
		p->cfg->host_apic = i;
	} else if (key->kind == SWITCH) {
		*(bool *)field = i;
	} else if (value.length < key->size) {
		memset(field, 0, key->size);
		memcpy(field, value.at, value.length);
	} else {
		return parse_fail(p, "%s = %s is too long a name", key->name, key->names[i]);
	}
	return 0;
}

static int store_number(struct parser *p, const struct key *key, struct slice value)
{
	char got[40];
	u8 *field = (u8 *)p->run + key->offset;
	u64 number;

	if (!parse_number(value, &number) || number < key->min || number > key->max)
		return parse_fail(p, "%s = %s; allowed: a number %lu..%lu, decimal or 0x...",
				  key->name, slice_shown(got, value), key->min, key->max);
	if (key->kind == U32)
		*(u32 *)field = (u32)number;
	else
		*(u64 *)field = number;
	return 0;
}

static int store_size(struct parser *p, const struct key *key, struct slice value)
{
	char got[40], min[24], max[24], step[24];
	u64 size;

	if (!parse_size(value, &size) || size < key->min || size > key->max || size % key->step)
		return parse_fail(p,
				  "%s = %s; allowed: a multiple of %s, %s..%s, in bytes or with K, "
				  "M or G behind it",
				  key->name, slice_shown(got, value), size_shown(step, key->step),
				  size_shown(min, key->min), size_shown(max, key->max));
	*(u64 *)((u8 *)p->run + key->offset) = size;
	return 0;
}

int parse_pair(struct parser *p, struct slice line, size_t equal)
{
	struct slice name = slice_trim((struct slice){ line.at, equal });
	struct slice value =
		slice_trim((struct slice){ line.at + equal + 1, line.length - equal - 1 });
	char got[40], allowed[LISTED];
	const char *names[ARRAY_SIZE(keys) + 1];
	const struct key *key = NULL;

	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
		names[i] = keys[i].name;
		if (slice_equals(name, keys[i].name))
			key = &keys[i];
	}
	names[ARRAY_SIZE(keys)] = NULL;
	if (!key)
		return parse_fail(p, "unknown key \"%s\"; allowed: %s", slice_shown(got, name),
				  listed(allowed, names));
	if (key->kind == INDEX && p->in_run)
		return parse_fail(
			p, "%s holds for the whole boot; allowed only before the first [run]",
			key->name);
	if (p->seen & 1u << (key - keys))
		return parse_fail(p, "%s stands twice; allowed: once in a section", key->name);
	p->seen |= 1u << (key - keys);
	if (!value.length)
		return parse_fail(p, "%s has no value; allowed: %s = VALUE", key->name, key->name);
	if (key->kind == TEXT)
		return store_text(p, key, value);
	if (key->kind == PATHS)
		return store_paths(p, key, value);
	for (size_t i = 0; i < value.length; i++)
		if (is_blank(value.at[i]))
			return parse_fail(p, "%s: more than one value in \"%s\"; allowed: one",
					  key->name, slice_shown(got, value));
	if (key->kind == PATH && value.at[0] == '\\')
		return store_path(p, key, value);
	if (key->names)
		return store_name(p, key, value);
	return key->kind == SIZE ? store_size(p, key, value) : store_number(p, key, value);
}
