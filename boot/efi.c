/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All that is asked of the firmware, but for the CPU list (cpus.c). Calls go by the ms_abi that
 * EFIAPI stands for. */
#include "boot/efi.h"
#include "boot/console.h"
#include "boot/power.h"
#include "mm/host.h"
#include "mm/x86.h"

static EFI_HANDLE image;
static EFI_SYSTEM_TABLE *st;
static EFI_BOOT_SERVICES *bs;

/* The map grows by every allocation, the one for itself too: room for more than it has now. */
enum { SPARE_DESCRIPTORS = 64 };
static struct {
	u8 *buf;
	UINTN capacity, size, key, stride;
} raw;
static struct memmap map;

/* Text to the screen, for a machine without a serial port. UEFI wants UCS-2 and a carriage return
 * in each line's end. */
static void screen_put(const char *text)
{
	CHAR16 wide[128];
	unsigned n = 0;

	while (*text) {
		if (*text == '\n')
			wide[n++] = '\r';
		wide[n++] = (CHAR16)(u8)*text++;
		if (n >= ARRAY_SIZE(wide) - 2 || !*text) {
			wide[n] = 0;
			st->ConOut->OutputString(st->ConOut, wide);
			n = 0;
		}
	}
}

/* The end of a boot that never left the firmware. */
static void shutdown(void)
{
	if (!console_has_serial()) {
		printk("The machine turns itself off in 20 seconds.\n");
		bs->Stall(20 * 1000 * 1000);
	}
	st->RuntimeServices->ResetSystem(EfiResetShutdown, EFI_SUCCESS, 0, NULL);
}

void efi_init(EFI_HANDLE handle, EFI_SYSTEM_TABLE *system)
{
	image = handle;
	st = system;
	bs = system->BootServices;
	bs->SetWatchdogTimer(0, 0, 0, NULL);
	console_fallback(screen_put);
	power_use_firmware(shutdown);
}

EFI_BOOT_SERVICES *efi_boot_services(void)
{
	return bs;
}

u64 efi_rsdp(void)
{
	static const EFI_GUID acpi2 = ACPI_20_TABLE_GUID, acpi1 = ACPI_TABLE_GUID;
	u64 old = 0;

	for (UINTN i = 0; i < st->NumberOfTableEntries; i++) {
		const EFI_CONFIGURATION_TABLE *table = &st->ConfigurationTable[i];

		if (!memcmp(&table->VendorGuid, &acpi2, sizeof(acpi2)))
			return (u64)table->VendorTable;
		if (!memcmp(&table->VendorGuid, &acpi1, sizeof(acpi1)))
			old = (u64)table->VendorTable;
	}
	return old;
}

static EFI_FILE *open_file(const CHAR16 *name, EFI_STATUS *status)
{
	static EFI_GUID loaded_image_guid = EFI_LOADED_IMAGE_PROTOCOL_GUID;
	static EFI_GUID volume_guid = EFI_SIMPLE_FILE_SYSTEM_PROTOCOL_GUID;
	EFI_LOADED_IMAGE *loaded;
	EFI_FILE_IO_INTERFACE *volume;
	EFI_FILE *root, *file;

	*status = EFI_NOT_FOUND;
	if (EFI_ERROR(bs->HandleProtocol(image, &loaded_image_guid, (void **)&loaded)) ||
	    EFI_ERROR(bs->HandleProtocol(loaded->DeviceHandle, &volume_guid, (void **)&volume)) ||
	    EFI_ERROR(volume->OpenVolume(volume, &root)))
		return NULL; /* loaded from something that is no file system */
	*status = root->Open(root, &file, (CHAR16 *)name, EFI_FILE_MODE_READ, 0);
	root->Close(root);
	return EFI_ERROR(*status) ? NULL : file;
}

enum efi_file efi_read_file(const CHAR16 *name, u8 **data, u64 *size)
{
	EFI_STATUS status;
	EFI_FILE *file = open_file(name, &status);
	UINT64 end = 0;
	UINTN got;

	*data = NULL;
	*size = 0;
	if (!file)
		return status == EFI_NOT_FOUND ? FILE_MISSING : FILE_BROKEN;
	status = file->SetPosition(file, ~0ull); /* its end */
	if (!EFI_ERROR(status))
		status = file->GetPosition(file, &end);
	if (!EFI_ERROR(status))
		status = file->SetPosition(file, 0);
	if (!EFI_ERROR(status))
		*data = end > FILE_SIZE_MAX ? NULL
					    : (u8 *)efi_pages(end / PAGE_SIZE + 1, ADDRESS_LIMIT);
	got = end;
	if (*data)
		status = file->Read(file, &got, *data);
	file->Close(file);
	if (EFI_ERROR(status))
		return FILE_BROKEN;
	*size = got;
	return *data ? FILE_THERE : FILE_TOO_LARGE;
}

u64 efi_pages(u64 count, u64 limit)
{
	EFI_PHYSICAL_ADDRESS at = limit - 1;

	if (EFI_ERROR(bs->AllocatePages(AllocateMaxAddress, EfiLoaderData, count, &at)))
		return 0;
	memset((void *)at, 0, count * PAGE_SIZE);
	return at;
}

static const EFI_MEMORY_DESCRIPTOR *descriptor(UINTN i)
{
	return (const EFI_MEMORY_DESCRIPTOR *)(raw.buf + i * raw.stride);
}

static bool is_ram(UINT32 type)
{
	switch (type) {
	case EfiLoaderCode:
	case EfiLoaderData:
	case EfiBootServicesCode:
	case EfiBootServicesData:
	case EfiRuntimeServicesCode:
	case EfiRuntimeServicesData:
	case EfiConventionalMemory:
	case EfiACPIReclaimMemory:
	case EfiACPIMemoryNVS:
		return true;
	default:
		return false;
	}
}

/* Only conventional memory is free: what the firmware's boot services used may still be read by a
 * parked processor. */
static void sort_out(void)
{
	map.count = 0;
	for (UINTN i = 0; i < raw.size / raw.stride; i++) {
		const EFI_MEMORY_DESCRIPTOR *d = descriptor(i);

		u64 start = d->PhysicalStart, end = start + d->NumberOfPages * PAGE_SIZE;

		if (is_ram(d->Type))
			memmap_add(&map, start, MIN(end, ADDRESS_LIMIT),
				   d->Type == EfiConventionalMemory);
	}
	memmap_sort(&map);
}

static EFI_STATUS get_raw(void)
{
	UINT32 version;

	raw.size = raw.capacity;
	return bs->GetMemoryMap(&raw.size, (EFI_MEMORY_DESCRIPTOR *)raw.buf, &raw.key, &raw.stride,
				&version);
}

static bool set_map_aside(void)
{
	u64 entries;

	get_raw(); /* fails for want of a buffer, and says how large one it wants */
	if (!raw.stride)
		raw.stride = sizeof(EFI_MEMORY_DESCRIPTOR);
	entries = raw.size / raw.stride + SPARE_DESCRIPTORS;
	raw.capacity = entries * raw.stride;
	raw.buf = (u8 *)efi_pages(raw.capacity / PAGE_SIZE + 1, ADDRESS_LIMIT);
	map.range = (struct mem_range *)efi_pages(entries * sizeof(*map.range) / PAGE_SIZE + 1,
						  ADDRESS_LIMIT);
	map.capacity = (u32)entries;
	return raw.buf && map.range;
}

const struct memmap *efi_memory(void)
{
	if (!raw.buf && !set_map_aside())
		return NULL;
	if (EFI_ERROR(get_raw()))
		return NULL;
	sort_out();
	return &map;
}

bool efi_describes(u64 address, u64 length)
{
	u64 end;

	if (!length || __builtin_add_overflow(address, length, &end))
		return false;
	/* Ranges may lie in several descriptors, in any order: each turn goes on where the last one
	 * found ends. */
	for (UINTN turn = 0; turn < raw.size / raw.stride; turn++) {
		UINTN i = 0, count = raw.size / raw.stride;

		while (i < count && (address < descriptor(i)->PhysicalStart ||
				     address >= descriptor(i)->PhysicalStart +
							descriptor(i)->NumberOfPages * PAGE_SIZE))
			i++;
		if (i == count)
			return false;
		address = descriptor(i)->PhysicalStart + descriptor(i)->NumberOfPages * PAGE_SIZE;
		if (address >= end)
			return true;
	}
	return false;
}

u64 efi_tick_rate(void)
{
	enum { MEASURE_US = 5000 };
	u64 start = rdtsc();

	bs->Stall(MEASURE_US);
	return (rdtsc() - start) / MEASURE_US;
}

const struct memmap *efi_exit(void)
{
	/* The first try may make the firmware's own handlers change the map; then the key is old,
	 * and only these two calls are allowed. */
	for (int tries = 0; tries < 8; tries++) {
		if (EFI_ERROR(get_raw()))
			return NULL;
		if (EFI_ERROR(bs->ExitBootServices(image, raw.key)))
			continue;
		irq_disable();
		console_fallback(NULL);
		power_use_firmware(NULL);
		sort_out();
		return &map;
	}
	return NULL;
}
