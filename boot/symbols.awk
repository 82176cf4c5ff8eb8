# SPDX-License-Identifier: GPL-2.0-or-later
# Makes the symbol table for backtraces (boot/symbols.h) from the output of `nm -n`. No input: an
# empty table. nm sorts by address, so the table is ascending. Of several names for one address the
# first one stays.
BEGIN {
	print "; Made by boot/symbols.awk."
	print "\tsection .rodata"
	print "\tglobal symbols:data hidden, symbol_count:data hidden, symbol_names:data hidden"
	print "\talign 4"
	print "symbols:"
	count = 0
	size = 0
}
$2 ~ /^[tT]$/ && $1 != last && $3 !~ /^(text_start|text_end|_etext|etext)$/ {
	last = $1
	printf "\tdd 0x%s, %d\n", $1, size
	names[count++] = $3
	size += length($3) + 1
}
END {
	print "symbol_count:"
	printf "\tdd %d\n", count
	print "symbol_names:"
	for (i = 0; i < count; i++)
		printf "\tdb \"%s\", 0\n", names[i]
	print "\tdb 0"
}
