#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# image.sh EFI CFG IMAGE: makes a disk image with one EFI system partition that holds
# \EFI\BOOT\BOOTX64.EFI and \interlock.cfg. It boots from a disk or a USB stick. The same input
# gives the same bytes: identifiers and times are fixed.
set -euo pipefail

efi=$1 cfg=$2 image=$3
PATH=$PATH:/usr/sbin:/sbin # sfdisk's home, not in an ordinary user's path
export SOURCE_DATE_EPOCH=1577836800 TZ=UTC MTOOLS_SKIP_CHECK=1

# FAT32 needs 65525 clusters; with one sector each that is 32 MB, and the image holds little.
start_sector=2048 sectors=80000
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
mv "$part" "$image"
