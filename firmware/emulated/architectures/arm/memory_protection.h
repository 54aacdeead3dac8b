// Holds a program to the memory of the board that is emulated: QEMU's machines have more. From
// protect_memory() on, a write to flash faults, and so does an access beyond flash, SRAM and
// peripherals.
#pragma once

#include <cstdint>

#include "registers.h"

extern "C" {
extern std::uint32_t __flash_start[], __flash_end[], __ram_start[], __ram_end[];
}

namespace emulated {

inline volatile std::uint32_t& protection_control() {
    return system_register(0xE000ED94U);
}

constexpr std::uint32_t kProtect = 1U << 0U;

#if __ARM_ARCH < 8
// One region of an Armv7-M unit: base, size 2^log2_size, access and execute rights.
enum class Access : std::uint32_t { none = 0, read_write = 3, read_only = 6 };

inline void protect(unsigned region, std::uint32_t base, unsigned log2_size, Access access,
                    bool execute) {
    constexpr std::uint32_t kValid = 1U << 4U;
    system_register(0xE000ED9CU) = base | kValid | region;
    system_register(0xE000EDA0U) = (execute ? 0U : 1U << 28U) |
                                   static_cast<std::uint32_t>(access) << 24U |
                                   (log2_size - 1U) << 1U | kProtect;
}
#else
// One region of an Armv8-M unit: from `start` up to `end`, multiples of 32.
enum class Access : std::uint32_t { device = 3, read_write = 2, read_only = 6 };  // AP and XN

inline void protect(unsigned region, std::uint32_t start, std::uint32_t end, Access access) {
    constexpr std::uint32_t kDevice = 1U << 1U;  // attributes 1, in which no memory is cached
    const bool code = access == Access::read_only;
    const bool device = access == Access::device;
    system_register(0xE000ED98U) = region;
    system_register(0xE000ED9CU) =
        start | (static_cast<std::uint32_t>(access) & 6U) | (code ? 0U : 1U);
    system_register(0xE000EDA0U) = ((end - 1U) & ~31U) | (device ? kDevice : 0U) | kProtect;
}
#endif

#if __ARM_ARCH < 8
// QEMU's board has 4 MB of writable memory in place of the Nano's 1 MB of flash, and 4 MB in place
// of its 256 KB of SRAM. A later region overrides an earlier one. A Cortex-M0 has no unit; its
// machine is a Cortex-M3.
inline void protect_memory() {
    protect(0, 0x00000000U, 30, Access::none, false);
    protect(1, 0x00000000U, 20, Access::read_only, true);
    protect(2, 0x20000000U, 18, Access::read_write, false);
    constexpr std::uint32_t kBackground = 1U << 2U;  // peripherals stay as they are
    protection_control() = kBackground | kProtect;
    asm volatile("dsb\n isb" ::: "memory");
}
#else
// Regions may not overlap, and nothing outside them is accessible.
inline void protect_memory() {
    const auto address = [](const std::uint32_t* at) {
        return reinterpret_cast<std::uintptr_t>(at);
    };
    system_register(0xE000EDC0U) = 0x000000FFU;  // attributes 0: memory; 1: device
    protect(0, address(__flash_start), address(__flash_end), Access::read_only);
    protect(1, address(__ram_start), address(__ram_end), Access::read_write);
    protect(2, 0x40000000U, 0x60000000U, Access::device);
    protection_control() = kProtect;
    asm volatile("dsb\n isb" ::: "memory");
}
#endif

}  // namespace emulated
