#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# image.sh EFI CFG IMAGE [FILE NAME]...: makes a disk image with one EFI system partition that holds
# \EFI\BOOT\BOOTX64.EFI, \interlock.cfg, and each FILE as NAME (/DIR/NAME or /NAME). It boots from a disk or a USB stick. The same input
# gives the same bytes: identifiers and times are fixed.
set -euo pipefail

efi=$1 cfg=$2 image=$3
shift 3
PATH=$PATH:/usr/sbin:/sbin # sfdisk's home, not in an ordinary user's path
export SOURCE_DATE_EPOCH=1577836800 TZ=UTC MTOOLS_SKIP_CHECK=1

# FAT32 needs 65525 clusters; with one sector each that is 32 MB, and the image holds little.
start_sector=2048 sectors=80000
for ((i = 1; i <= $#; i += 2)); do
	sectors=$((sectors + $(stat -Lc %s "${!i}") / 512 + 64))
done
total=$((start_sector + sectors + 2048)) # 34 sectors at the end are the spare partition table

uuid=1E7A10C4-0000-4000-8000 esp_type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B

part=$image.part
rm -f "$part"
truncate -s $((total * 512)) "$part"
sfdisk --quiet "$part" >/dev/null <<END
label: gpt
label-id: $uuid-000000000001
start=$start_sector, size=$sectors, type=$esp_type, uuid=$uuid-000000000002, name=INTERLOCK
END

esp=$part@@$((start_sector * 512))
mformat -i "$esp" -F -c 1 -T $sectors -h 16 -s 63 -H $start_sector -N 1E7A10C4 -v INTERLOCK ::
tmp=$(mktemp -d)
trap 'rm -rf "$tmp" "$part"' EXIT
cp "$efi" "$tmp/BOOTX64.EFI"
cp "$cfg" "$tmp/interlock.cfg"
touch -d @$SOURCE_DATE_EPOCH "$tmp"/*
mmd -i "$esp" ::/EFI ::/EFI/BOOT
mcopy -m -i "$esp" "$tmp/BOOTX64.EFI" ::/EFI/BOOT/BOOTX64.EFI
mcopy -m -i "$esp" "$tmp/interlock.cfg" ::/interlock.cfg
while [ $# -gt 0 ]; do
	dir=$(dirname "$2")
	[ "$dir" = / ] || mmd -D s -i "$esp" "::$dir" 2>/dev/null || :
	cp -L "$1" "$tmp/file"
	touch -d @$SOURCE_DATE_EPOCH "$tmp/file"
	mcopy -o -m -i "$esp" "$tmp/file" "::$2"
	shift 2
done
mv "$part" "$image"
