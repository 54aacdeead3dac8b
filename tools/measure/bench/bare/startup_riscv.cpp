// The least that a program needs on QEMU's virt: reset, semihosting, the files of <cstdio> that the
// programs here use. The call of the emulator and other functions of the C library are the emulated
// board's (semihost.h, libc.cpp).
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "semihost.h"

// The emulator starts at the first instruction.
asm(R"(
    .section .vectors, "ax", @progbits
    .option push
    .option norvc
    .option norelax
    .global reset
reset:
    la sp, stack_top
    la t0, fault
    csrw mtvec, t0
    call __libc_init_array
    call main
    tail _exit
    .balign 4
fault:
    li a0, 99
    tail _exit
)" VIGIL_SEMIHOST_ROUTINE R"(
    .option pop
    .text
)");

extern "C" {
extern char end[], stack_top[];

[[noreturn]] void _exit(int code);
void* _sbrk(std::ptrdiff_t bytes);
}

namespace {

using emulated::semihost;

constexpr std::uint32_t kOpen = 0x01;
constexpr std::uint32_t kClose = 0x02;
constexpr std::uint32_t kWrite = 0x05;
constexpr std::uint32_t kRead = 0x06;
constexpr std::uint32_t kExit = 0x20;
constexpr std::uint32_t kApplicationExit = 0x20026;

// A FILE* is the emulator's number of the file, plus 1.
std::uint32_t number_of(std::FILE* file) {
    return reinterpret_cast<std::uintptr_t>(file) - 1U;
}

std::size_t moved(std::uint32_t call, const void* data, std::size_t size, std::size_t count,
                  std::FILE* file) {
    const std::uint32_t block[3] = {number_of(file), reinterpret_cast<std::uintptr_t>(data),
                                    size * count};
    const std::uint32_t left = semihost(call, block);
    return (size * count - left) / size;
}

}  // namespace

extern "C" {

void _exit(int code) {
    const std::uint32_t block[2] = {kApplicationExit, static_cast<std::uint32_t>(code)};
    semihost(kExit, block);
    for (;;) {
    }
}

[[noreturn]] void abort() { _exit(99); }

void* _sbrk(std::ptrdiff_t bytes) {
    static char* top = end;
    char* const block = top;
    top += bytes;
    return block;
}

std::FILE* fopen(const char* path, const char* mode) {
    constexpr std::uint32_t kReadBinary = 1;
    constexpr std::uint32_t kWriteBinary = 5;
    const std::uint32_t block[3] = {reinterpret_cast<std::uintptr_t>(path),
                                    mode[0] == 'r' ? kReadBinary : kWriteBinary, std::strlen(path)};
    return reinterpret_cast<std::FILE*>(semihost(kOpen, block) + 1);
}

std::size_t fread(void* data, std::size_t size, std::size_t count, std::FILE* file) {
    return moved(kRead, data, size, count, file);
}

std::size_t fwrite(const void* data, std::size_t size, std::size_t count, std::FILE* file) {
    return moved(kWrite, data, size, count, file);
}

int fclose(std::FILE* file) {
    const std::uint32_t block[1] = {number_of(file)};
    return static_cast<int>(semihost(kClose, block));
}
}
