/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A small printf. Freestanding, no static state, so every CPU may use it at once. */
#include "boot/format.h"

struct sink {
	char *buf;
	size_t size, used;
};

static void put(struct sink *s, char c)
{
	if (s->used + 1 < s->size)
		s->buf[s->used++] = c;
}

struct spec {
	bool left, zero, negative;
	unsigned width;
};

/* Pads BODY, which has LENGTH characters. A sign goes before the zeros and after the blanks. */
static void put_padded(struct sink *s, const struct spec *spec, const char *body, size_t length)
{
	size_t total = length + spec->negative;
	size_t pad = spec->width > total ? spec->width - total : 0;

	if (!spec->left && !spec->zero)
		for (; pad; pad--)
			put(s, ' ');
	if (spec->negative)
		put(s, '-');
	if (!spec->left)
		for (; pad; pad--)
			put(s, '0');
	for (size_t i = 0; i < length; i++)
		put(s, body[i]);
	for (; pad; pad--)
		put(s, ' ');
}

static void put_number(struct sink *s, const struct spec *spec, u64 value, unsigned base,
		       bool upper)
{
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char text[20]; /* 2^64 - 1 has 20 decimal digits */
	size_t at = sizeof(text);

	do {
		text[--at] = digits[value % base];
		value /= base;
	} while (value);
	put_padded(s, spec, text + at, sizeof(text) - at);
}

int vformat(char *buf, size_t size, const char *fmt, va_list args)
{
	struct sink s = { buf, size, 0 };

	while (*fmt) {
		const char *start = fmt;
		struct spec spec = { 0 };
		unsigned longs = 0;

		if (*fmt != '%') {
			put(&s, *fmt++);
			continue;
		}
		for (fmt++; *fmt == '0' || *fmt == '-'; fmt++)
			*(*fmt == '0' ? &spec.zero : &spec.left) = true;
		for (; *fmt >= '0' && *fmt <= '9'; fmt++)
			if (spec.width < 1000)
				spec.width = spec.width * 10 + (unsigned)(*fmt - '0');
		for (; *fmt == 'l' || *fmt == 'z'; fmt++)
			longs++;
		if (spec.left)
			spec.zero = false;

		switch (*fmt) {
		case 'd':
		case 'i': {
			long value = longs ? va_arg(args, long) : va_arg(args, int);

			spec.negative = value < 0;
			put_number(&s, &spec, spec.negative ? -(u64)value : (u64)value, 10, false);
			break;
		}
		case 'u':
		case 'x':
		case 'X': {
			u64 value = longs ? va_arg(args, u64) : va_arg(args, unsigned);

			put_number(&s, &spec, value, *fmt == 'u' ? 10 : 16, *fmt == 'X');
			break;
		}
		case 's': {
			const char *text = va_arg(args, const char *);
			size_t length = 0;

			if (!text)
				text = "(null)";
			while (text[length])
				length++;
			spec.zero = false;
			put_padded(&s, &spec, text, length);
			break;
		}
		case 'c':
			put(&s, (char)va_arg(args, int));
			break;
		case '%':
			put(&s, '%');
			break;
		default:
			while (start < fmt)
				put(&s, *start++);
			continue; /* the odd character, or the end, is the next thing to copy */
		}
		fmt++;
	}
	if (size)
		buf[s.used] = '\0';
	return (int)s.used;
}

int format(char *buf, size_t size, const char *fmt, ...)
{
	va_list args;
	int length;

	va_start(args, fmt);
	length = vformat(buf, size, fmt, args);
	va_end(args);
	return length;
}

int format_json(char *buf, size_t size, const char *text)
{
	static const char digits[] = "0123456789abcdef";
	size_t used = 0;

	for (; *text; text++) {
		u8 c = (u8)*text;
		char piece[7] = { (char)c };
		size_t length = 1;

		if (c == '"' || c == '\\') {
			piece[0] = '\\';
			piece[1] = (char)c;
			length = 2;
		} else if (c < 0x20 || c >= 0x7f) {
			memcpy(piece, "\\u00", 4);
			piece[4] = digits[c >> 4];
			piece[5] = digits[c & 15];
			length = 6;
		}
		if (used + length >= size)
			break;
		memcpy(buf + used, piece, length);
		used += length;
	}
	if (size)
		buf[used] = '\0';
	return (int)used;
}
