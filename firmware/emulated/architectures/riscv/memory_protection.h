// Holds a program to the memory of the board that is emulated: QEMU's machine has more. From
// protect_memory() on, a write to flash faults, and so does an access beyond flash, SRAM and
// peripherals.
#pragma once

#include <cstdint>

#include "registers.h"

extern "C" {
extern std::uint32_t __flash_start[], __flash_end[], __ram_start[], __ram_end[];
}

namespace emulated {

// Entries of physical memory protection, of which the first that matches decides. A locked one
// holds in machine mode too, until reset. Regions are whole pages: QEMU is slow where a page is in
// parts.
namespace pmp {
constexpr std::uint32_t kRead = 1U << 0U;
constexpr std::uint32_t kWrite = 1U << 1U;
constexpr std::uint32_t kExecute = 1U << 2U;
constexpr std::uint32_t kRange = 1U << 3U;  // from the entry before up to this address
constexpr std::uint32_t kPower = 3U << 3U;  // a power of two, in the address
constexpr std::uint32_t kLocked = 1U << 7U;

constexpr std::uint32_t power(std::uint32_t base, std::uint32_t size) {
    return base >> 2U | (size / 2U - 1U) >> 2U;
}
inline std::uint32_t address(const std::uint32_t* at) {
    return reinterpret_cast<std::uintptr_t>(at) >> 2U;
}
}  // namespace pmp

inline void protect_memory() {
    VIGIL_WRITE_CSR("pmpaddr0", pmp::address(__flash_start));
    VIGIL_WRITE_CSR("pmpaddr1", pmp::address(__flash_end));
    VIGIL_WRITE_CSR("pmpaddr2", pmp::address(__ram_start));
    VIGIL_WRITE_CSR("pmpaddr3", pmp::address(__ram_end));
    VIGIL_WRITE_CSR("pmpaddr4", pmp::power(machine::kTestDevice, 0x1000U));
    VIGIL_WRITE_CSR("pmpaddr5", pmp::power(machine::kClint, 0x10000U));
    VIGIL_WRITE_CSR("pmpaddr6", pmp::power(machine::kPlic, 0x1000000U));
    VIGIL_WRITE_CSR("pmpaddr7", pmp::power(machine::kUart0, 0x1000U));
    VIGIL_WRITE_CSR("pmpaddr8", pmp::power(machine::kLeds, 0x1000U));
    VIGIL_WRITE_CSR("pmpaddr9", pmp::power(machine::kResetCode, 0x1000U));
    VIGIL_WRITE_CSR("pmpaddr10", 0xFFFFFFFFU);  // everything
    constexpr std::uint32_t kFlash = pmp::kLocked | pmp::kRange | pmp::kRead | pmp::kExecute;
    constexpr std::uint32_t kRam = pmp::kLocked | pmp::kRange | pmp::kRead | pmp::kWrite;
    constexpr std::uint32_t kDevice = pmp::kLocked | pmp::kPower | pmp::kRead | pmp::kWrite;
    // QEMU 7.2 leaves entries locked across a reset, whose first instructions are there.
    constexpr std::uint32_t kCode = pmp::kLocked | pmp::kPower | pmp::kRead | pmp::kExecute;
    constexpr std::uint32_t kNothing = pmp::kLocked | pmp::kPower;
    VIGIL_WRITE_CSR("pmpcfg0", kRam << 24U | kFlash << 8U);
    VIGIL_WRITE_CSR("pmpcfg1", kDevice << 24U | kDevice << 16U | kDevice << 8U | kDevice);
    VIGIL_WRITE_CSR("pmpcfg2", kNothing << 16U | kCode << 8U | kDevice);
}

}  // namespace emulated
