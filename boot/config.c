/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parser of interlock.cfg: `key = value` lines, `#` comments, `[run]` sections. Keys before the
 * first [run] are the defaults of every run. The input is not trusted: every byte may be anything.
 */
#include "boot/config.h"
#include "boot/format.h"
#include "boot/guests.h"
#include "ept/protocol.h"

static const char *const protocol_names[] = { PROTOCOL_NAMES, NULL };
static const char *const guest_names[] = { GUEST_NAMES, NULL };
static const char *const fault_names[] = { "none", "entry", "panic", "mute", NULL };
static const char *const switch_names[] = { "off", "on", NULL };		  /* as bool */
static const char *const host_apic_names[] = { "auto", "xapic", "x2apic", NULL }; /* as enum */

enum kind { NAME, INDEX, SWITCH, U32, U64 };

/* NAME is copied into a field of SIZE bytes; INDEX is stored as the name's place in NAMES, into
 * config.host_apic. */
static const struct key {
	const char *name;
	enum kind kind;
	size_t offset; /* in struct run_config, but for INDEX */
	size_t size;
	const char *const *names;
	u64 min, max;
} keys[] = {
#define RUN_FIELD(f) offsetof(struct run_config, f), sizeof(((struct run_config *)0)->f)
	{ "protocol", NAME, RUN_FIELD(protocol), protocol_names, 0, 0 },
	{ "guest", NAME, RUN_FIELD(guest), guest_names, 0, 0 },
	{ "fault", NAME, RUN_FIELD(fault), fault_names, 0, 0 },
	{ "apicv", SWITCH, RUN_FIELD(apicv), switch_names, 0, 0 },
	{ "large", SWITCH, RUN_FIELD(large), switch_names, 0, 0 },
	{ "cpus", U32, RUN_FIELD(cpus), NULL, 2, MAX_CPUS },
	{ "batch", U32, RUN_FIELD(batch), NULL, 0, 512 },
	{ "arg", U32, RUN_FIELD(arg), NULL, 0, UINT32_MAX },
	{ "moves", U64, RUN_FIELD(moves), NULL, 1, 1000000000 },
	{ "seed", U64, RUN_FIELD(seed), NULL, 0, UINT64_MAX },
	{ "host_apic", INDEX, 0, 0, host_apic_names, 0, 0 },
#undef RUN_FIELD
};

static const struct run_config default_run = {
	.protocol = "ordered",
	.guest = "patrol",
	.fault = "none",
	.cpus = 2,
	.moves = 2000,
	.seed = 1,
	.apicv = true,
	.large = true,
};

/* A piece of the text: not NUL-terminated. */
struct slice {
	const char *at;
	size_t length;
};

struct parser {
	struct config *cfg;
	struct run_config *run; /* where values go now */
	u32 line, seen;		/* seen: bit per key, for this section */
	bool in_run;		/* behind the first [run] */
	char *err;
	size_t err_size;
};

/* Every error goes through here: -EINVAL, and the line's number before the text. */
__attribute__((format(printf, 2, 3))) static int fail(struct parser *p, const char *fmt, ...)
{
	int used = format(p->err, p->err_size, "interlock.cfg:%u: ", p->line);
	va_list args;

	va_start(args, fmt);
	vformat(p->err + used, p->err_size - (size_t)used, fmt, args);
	va_end(args);
	return -EINVAL;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct slice trim(struct slice s)
{
	while (s.length && is_blank(s.at[0])) {
		s.at++;
		s.length--;
	}
	while (s.length && is_blank(s.at[s.length - 1]))
		s.length--;
	return s;
}

static bool equals(struct slice s, const char *text)
{
	return strlen(text) == s.length && !memcmp(s.at, text, s.length);
}

/* For error messages: short, printable, NUL-terminated. */
static const char *shown(char buf[40], struct slice s)
{
	size_t n = MIN(s.length, 36);

	for (size_t i = 0; i < n; i++)
		buf[i] = s.at[i] >= 0x20 && s.at[i] < 0x7f ? s.at[i] : '?';
	memcpy(buf + n, "...", 4);
	if (n == s.length)
		buf[n] = '\0';
	return buf;
}

/* "a, b, c" of a NULL-terminated list. */
static const char *listed(char buf[160], const char *const *names)
{
	int used = 0;

	buf[0] = '\0';
	for (; *names; names++)
		used += format(buf + used, 160 - (size_t)used, "%s%s", used ? ", " : "", *names);
	return buf;
}

/* Decimal, or hexadecimal behind 0x. False when it is not a number or exceeds 64 bits. */
static bool parse_number(struct slice s, u64 *value)
{
	unsigned base = 10;

	if (s.length > 2 && s.at[0] == '0' && (s.at[1] == 'x' || s.at[1] == 'X')) {
		base = 16;
		s.at += 2;
		s.length -= 2;
	}
	*value = 0;
	for (size_t i = 0; i < s.length; i++) {
		char c = s.at[i];
		unsigned digit = c >= '0' && c <= '9'	? (unsigned)(c - '0')
				 : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
				 : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
							: 99;

		if (digit >= base || __builtin_mul_overflow(*value, base, value) ||
		    __builtin_add_overflow(*value, digit, value))
			return false;
	}
	return s.length != 0;
}

static int store_name(struct parser *p, const struct key *key, struct slice value)
{
	char got[40], allowed[160];
	u8 *field = (u8 *)p->run + key->offset;
	unsigned i = 0;

	while (key->names[i] && !equals(value, key->names[i]))
		i++;
	if (!key->names[i])
		return fail(p, "%s = %s is not known; allowed: %s", key->name, shown(got, value),
			    listed(allowed, key->names));
	if (key->kind == INDEX) {
		p->cfg->host_apic = i;
	} else if (key->kind == SWITCH) {
		*(bool *)field = i;
	} else if (value.length < key->size) {
		memset(field, 0, key->size);
		memcpy(field, value.at, value.length);
	} else {
		return fail(p, "%s = %s is too long a name", key->name, key->names[i]);
	}
	return 0;
}

static int store_number(struct parser *p, const struct key *key, struct slice value)
{
	char got[40];
	u8 *field = (u8 *)p->run + key->offset;
	u64 number;

	if (!parse_number(value, &number) || number < key->min || number > key->max)
		return fail(p, "%s = %s; allowed: a number %lu..%lu, decimal or 0x...", key->name,
			    shown(got, value), key->min, key->max);
	if (key->kind == U32)
		*(u32 *)field = (u32)number;
	else
		*(u64 *)field = number;
	return 0;
}

static int parse_pair(struct parser *p, struct slice line, size_t equal)
{
	struct slice name = trim((struct slice){ line.at, equal });
	struct slice value = trim((struct slice){ line.at + equal + 1, line.length - equal - 1 });
	char got[40], allowed[160];
	const char *names[ARRAY_SIZE(keys) + 1];
	const struct key *key = NULL;

	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
		names[i] = keys[i].name;
		if (equals(name, keys[i].name))
			key = &keys[i];
	}
	names[ARRAY_SIZE(keys)] = NULL;
	if (!key)
		return fail(p, "unknown key \"%s\"; allowed: %s", shown(got, name),
			    listed(allowed, names));
	if (key->kind == INDEX && p->in_run)
		return fail(p, "%s holds for the whole boot; allowed only before the first [run]",
			    key->name);
	if (p->seen & 1u << (key - keys))
		return fail(p, "%s stands twice; allowed: once in a section", key->name);
	p->seen |= 1u << (key - keys);
	if (!value.length)
		return fail(p, "%s has no value; allowed: %s = VALUE", key->name, key->name);
	for (size_t i = 0; i < value.length; i++)
		if (is_blank(value.at[i]))
			return fail(p, "%s: more than one value in \"%s\"; allowed: one", key->name,
				    shown(got, value));
	return key->names ? store_name(p, key, value) : store_number(p, key, value);
}

static int parse_line(struct parser *p, struct slice line)
{
	char got[40];
	size_t comment = 0, equal = 0;

	if (line.length > CONFIG_MAX_LINE)
		return fail(p, "the line has %zu bytes; allowed: %u", line.length, CONFIG_MAX_LINE);
	for (size_t i = 0; i < line.length; i++)
		if (((u8)line.at[i] < 0x20 && line.at[i] != '\t') || line.at[i] == 0x7f)
			return fail(p, "control byte 0x%02x; allowed: printable text and tabs",
				    (unsigned)(u8)line.at[i]);
	while (comment < line.length && line.at[comment] != '#')
		comment++;
	line = trim((struct slice){ line.at, comment });
	if (!line.length)
		return 0;
	if (line.at[0] == '[') {
		if (!equals(line, "[run]"))
			return fail(p, "unknown section %s; allowed: [run]", shown(got, line));
		if (p->in_run && p->cfg->nruns == CONFIG_MAX_RUNS)
			return fail(p, "too many [run] sections; allowed: %u", CONFIG_MAX_RUNS);
		/* Until the first [run], run[0] holds the defaults, and stays so: it becomes the
		 * first run. */
		if (!p->in_run) {
			for (unsigned i = 1; i < CONFIG_MAX_RUNS; i++)
				p->cfg->run[i] = p->cfg->run[0];
			p->cfg->nruns = 0;
			p->in_run = true;
		}
		p->run = &p->cfg->run[p->cfg->nruns++];
		p->seen = 0;
		return 0;
	}
	while (equal < line.length && line.at[equal] != '=')
		equal++;
	if (equal == line.length)
		return fail(p, "\"%s\" is not understood; allowed: key = value, [run], # comment",
			    shown(got, line));
	return parse_pair(p, line, equal);
}

int config_parse(const char *text, size_t size, struct config *cfg, char *err, size_t err_size)
{
	struct parser p = { .cfg = cfg, .run = cfg->run, .err = err, .err_size = err_size };
	static const char utf8_mark[] = "\xef\xbb\xbf"; /* some editors put it first */

	memset(cfg, 0, sizeof(*cfg));
	cfg->run[0] = default_run;
	cfg->nruns = 1;
	if (!text)
		return 0;
	if (size > CONFIG_MAX_SIZE) {
		format(err, err_size, "interlock.cfg:1: the file is too long; allowed: %u bytes",
		       CONFIG_MAX_SIZE);
		return -EINVAL;
	}
	if (size >= 3 && !memcmp(text, utf8_mark, 3)) {
		text += 3;
		size -= 3;
	}
	while (size) {
		struct slice line = { text, 0 };
		int rc;

		while (line.length < size && text[line.length] != '\n')
			line.length++;
		text += line.length;
		size -= line.length;
		if (size) { /* the line feed */
			text++;
			size--;
		}
		if (line.length && line.at[line.length - 1] == '\r')
			line.length--;
		p.line++;
		rc = parse_line(&p, line);
		if (rc)
			return rc;
	}
	return 0;
}

u32 config_max_cpus(const struct config *cfg)
{
	u32 most = 0;

	for (u32 i = 0; i < cfg->nruns; i++)
		if (cfg->run[i].cpus > most)
			most = cfg->run[i].cpus;
	return most;
}
