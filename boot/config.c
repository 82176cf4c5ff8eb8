/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parser of interlock.cfg: `key = value` lines, `#` comments, `[run]` and `[with]` sections. Keys
 * before the first [run] are the defaults of every section. The input is not trusted: every byte may
 * be anything.
 */
#include "boot/format.h"
#include "boot/parser.h"

#define DEFAULT_MOVES 2000 /* of the guests that Interlock brings */

int parse_fail(struct parser *p, const char *fmt, ...)
{
	int used = format(p->err, p->err_size, "interlock.cfg:%u: ", p->line);
	va_list args;

	va_start(args, fmt);
	vformat(p->err + used, p->err_size - (size_t)used, fmt, args);
	va_end(args);
	return -EINVAL;
}

struct slice slice_trim(struct slice s)
{
	while (s.length && is_blank(s.at[0])) {
		s.at++;
		s.length--;
	}
	while (s.length && is_blank(s.at[s.length - 1]))
		s.length--;
	return s;
}

bool slice_equals(struct slice s, const char *text)
{
	return strlen(text) == s.length && !memcmp(s.at, text, s.length);
}

const char *slice_shown(char buf[40], struct slice s)
{
	size_t n = MIN(s.length, 36);

	for (size_t i = 0; i < n; i++)
		buf[i] = s.at[i] >= 0x20 && s.at[i] < 0x7f ? s.at[i] : '?';
	memcpy(buf + n, "...", 4);
	if (n == s.length)
		buf[n] = '\0';
	return buf;
}

u32 config_together(const struct config *cfg, u32 first)
{
	u32 n = 1;

	while (first + n < cfg->nruns && cfg->run[first + n].with)
		n++;
	return n;
}

static u32 cpus_together(const struct config *cfg, u32 first)
{
	u32 cpus = 1;

	for (u32 i = 0; i < config_together(cfg, first); i++)
		cpus += cfg->run[first + i].cpus - 1;
	return cpus;
}

/* When the run and its [with] sections are all read. */
static int end_run(struct parser *p)
{
	u32 first = p->cfg->nruns - 1, cpus;

	while (p->cfg->run[first].with)
		first--;
	cpus = cpus_together(p->cfg, first);
	if (cpus <= MAX_CPUS)
		return 0;
	p->line = p->with_line;
	return parse_fail(p,
			  "the guests that run together want %u CPUs; allowed: %u, of which one "
			  "moves their memory",
			  cpus, MAX_CPUS);
}

static int begin_section(struct parser *p, struct slice line)
{
	bool with = slice_equals(line, "[with]");
	char got[40];

	if (!with && !slice_equals(line, "[run]"))
		return parse_fail(p, "unknown section %s; allowed: [run], [with]",
				  slice_shown(got, line));
	if (with && !p->in_run)
		return parse_fail(p, "no run to go with; allowed: [with] behind a [run]");
	if (p->in_run && p->cfg->nruns == CONFIG_MAX_RUNS)
		return parse_fail(p, "too many [run] and [with] sections; allowed: %u",
				  CONFIG_MAX_RUNS);
	if (p->in_run && !with && end_run(p))
		return -EINVAL;
	/* Until the first [run], run[0] holds the defaults, and stays so: it becomes the first run. */
	if (!p->in_run) {
		for (unsigned i = 1; i < CONFIG_MAX_RUNS; i++)
			p->cfg->run[i] = p->cfg->run[0];
		p->cfg->nruns = 0;
		p->in_run = true;
	}
	if (with)
		p->with_line = p->line;
	p->run = &p->cfg->run[p->cfg->nruns++];
	p->run->with = with;
	p->seen = 0;
	return 0;
}

static int parse_line(struct parser *p, struct slice line)
{
	char got[40];
	size_t comment = 0, equal = 0;

	if (line.length > CONFIG_MAX_LINE)
		return parse_fail(p, "the line has %zu bytes; allowed: %u", line.length,
				  CONFIG_MAX_LINE);
	for (size_t i = 0; i < line.length; i++)
		if (((u8)line.at[i] < 0x20 && line.at[i] != '\t') || line.at[i] == 0x7f)
			return parse_fail(p,
					  "control byte 0x%02x; allowed: printable text and tabs",
					  (unsigned)(u8)line.at[i]);
	while (comment < line.length && line.at[comment] != '#')
		comment++;
	line = slice_trim((struct slice){ line.at, comment });
	if (!line.length)
		return 0;
	if (line.at[0] == '[')
		return begin_section(p, line);
	while (equal < line.length && line.at[equal] != '=')
		equal++;
	if (equal == line.length)
		return parse_fail(
			p,
			"\"%s\" is not understood; allowed: key = value, [run], [with], # comment",
			slice_shown(got, line));
	return parse_pair(p, line, equal);
}

/* What depends on other keys than its own. */
static void fill_in(struct config *cfg)
{
	for (u32 i = 0; i < cfg->nruns; i++)
		if (!cfg->run[i].moves)
			cfg->run[i].moves = config_is_image(&cfg->run[i]) ? ENDLESS : DEFAULT_MOVES;
}

int config_parse(const char *text, size_t size, struct config *cfg, char *err, size_t err_size)
{
	struct parser p = { .cfg = cfg, .run = cfg->run, .err = err, .err_size = err_size };
	static const char utf8_mark[] = "\xef\xbb\xbf"; /* some editors put it first */

	memset(cfg, 0, sizeof(*cfg));
	cfg->run[0] = default_run;
	cfg->nruns = 1;
	if (!text)
		size = 0;
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
	if (end_run(&p))
		return -EINVAL;
	fill_in(cfg);
	return 0;
}

const char *config_file(const char *initrd, char name[FILE_NAME_MAX])
{
	size_t length = 0;

	if (!*initrd)
		return NULL;
	while (initrd[length] && !is_blank(initrd[length]))
		length++;
	memcpy(name, initrd, length);
	name[length] = '\0';
	return initrd + strlen(initrd) + 1;
}

u32 config_max_cpus(const struct config *cfg)
{
	u32 most = 0;

	for (u32 i = 0; i < cfg->nruns; i += config_together(cfg, i)) {
		u32 cpus = cpus_together(cfg, i);

		if (cpus > most)
			most = cpus;
	}
	return most;
}
