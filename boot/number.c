/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The numbers and sizes of interlock.cfg. */
#include "boot/format.h"
#include "boot/parser.h"

bool parse_number(struct slice s, u64 *value)
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

bool parse_size(struct slice s, u64 *value)
{
	static const char units[] = "KMG";
	u64 unit = 1;

	for (unsigned i = 0; s.length && i < 3; i++)
		if ((s.at[s.length - 1] & ~0x20) == units[i])
			unit = KB << 10 * i;
	s.length -= unit > 1;
	return parse_number(s, value) && !__builtin_mul_overflow(*value, unit, value);
}

const char *size_shown(char buf[24], u64 value)
{
	static const char *const units[] = { "", "K", "M", "G" };
	unsigned unit = 0;

	for (; value && value % KB == 0 && unit < 3; unit++)
		value /= KB;
	format(buf, 24, "%lu%s", value, units[unit]);
	return buf;
}
