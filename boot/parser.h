/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of the parser of interlock.cfg share: lines and sections are boot/config.c's,
 * keys and values boot/keys.c's, numbers boot/number.c's. */
#ifndef BOOT_PARSER_H
#define BOOT_PARSER_H

#include "boot/config.h"

/* A piece of the text: not NUL-terminated. */
struct slice {
	const char *at;
	size_t length;
};

struct parser {
	struct config *cfg;
	struct run_config *run; /* where values go now */
	u32 line, seen;		/* seen: bit per key, for this section */
	u32 with_line;		/* of the last [with] behind the last [run], 0 none */
	bool in_run;		/* behind the first [run] */
	char *err;
	size_t err_size;
};

/* Every error goes through here: -EINVAL, and the line's number before the text. */
__attribute__((format(printf, 2, 3))) int parse_fail(struct parser *p, const char *fmt, ...);

static inline bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Without the blanks at both ends. */
struct slice slice_trim(struct slice s);
bool slice_equals(struct slice s, const char *text);
/* For error messages: short, printable, NUL-terminated. */
const char *slice_shown(char buf[40], struct slice s);

#define KB BIT(10)
#define MB BIT(20)
#define GB BIT(30)

/* Decimal, or hexadecimal behind 0x. False when it is not a number or exceeds 64 bits. */
bool parse_number(struct slice s, u64 *value);

/* A number of bytes, or of KB, MB or GB with that letter behind it. False as above. */
bool parse_size(struct slice s, u64 *value);

/* In the largest unit that leaves no rest. */
const char *size_shown(char buf[24], u64 value);

/* What a run has that says nothing else. */
extern const struct run_config default_run;

/* Stores the value of LINE, whose '=' is at EQUAL. 0 or -EINVAL. */
int parse_pair(struct parser *p, struct slice line, size_t equal);

#endif
