# SPDX-License-Identifier: GPL-2.0-or-later
"""unpack.py VMLINUZ KERNEL BTF - what a distribution's kernel file holds: a kernel that QEMU starts
without unpacking it again (arm64; x86 starts the file as it is) and the kernel's types.

Formats: x86 boot protocol 2.08 (Documentation/arch/x86/boot.rst: payload_offset, payload_length),
EFI zboot (drivers/firmware/efi/libstub/zboot-header.S), a plain or gzipped arm64 Image.
"""
import shutil
import struct
import subprocess
import sys

BTF_HEAD = struct.pack("<HBBI", 0xEB9F, 1, 0, 24)  # magic, version, flags, length of the head

PACKERS = {b"\xfd7zXZ\0": "xz", b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd",
           b"\x02\x21\x4c\x18": "lz4"}


def unpack(data):
    packer = next((p for magic, p in PACKERS.items() if data.startswith(magic)), None)
    if not packer:
        return data
    # what follows the packed kernel (its length, padding) makes them end with an error
    return subprocess.run([packer, "-dcq"], input=data, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, check=False).stdout


def is_x86(data):
    return data[0x202:0x206] == b"HdrS"


def payload(data):
    if is_x86(data):
        start = ((data[0x1F1] or 4) + 1) * 512
        offset, length = struct.unpack_from("<II", data, 0x248)
        return data[start + offset:start + offset + length]
    if data[4:8] == b"zimg":
        offset, length = struct.unpack_from("<II", data, 8)
        return data[offset:offset + length]
    return data


def find_btf(image):
    """The one BTF of the kernel itself: its parts fill it exactly, and it is not a module's."""
    at = image.find(BTF_HEAD)
    while at >= 0:
        type_off, type_len, str_off, str_len = struct.unpack_from("<IIII", image, at + 8)
        if type_off == 0 and str_off == type_len and str_len > 100_000:
            return image[at:at + 24 + str_off + str_len]
        at = image.find(BTF_HEAD, at + 1)
    sys.exit("no BTF in this kernel")


def main():
    vmlinuz, kernel, btf = sys.argv[1:]
    with open(vmlinuz, "rb") as f:
        data = f.read()
    image = unpack(payload(data))
    if is_x86(data):
        shutil.copy(vmlinuz, kernel)
    else:
        with open(kernel, "wb") as f:
            f.write(image)
    with open(btf, "wb") as f:
        f.write(find_btf(image))


main()
