#if defined(ARDUINO_EMULATED)

#include <emulated.h>

#include "board.h"

namespace vigil::board {

// The core starts the clock and paints the stack before main().
void begin() {}

std::uint32_t counter() { return static_cast<std::uint32_t>(emulated_instructions()); }

const char* counter_unit() { return "instructions"; }

std::uint32_t counter_hz() { return 15625000; }

std::uint32_t stack_size() { return static_cast<std::uint32_t>(emulated_stack_size()); }

std::uint32_t stack_used() { return static_cast<std::uint32_t>(emulated_stack_used()); }

Cache instruction_cache() { return Cache::absent; }

const char* name() { return "emulated"; }

// Memory outlives a reset, not the emulator: a run of a new emulator is told apart by its stream,
// which begins empty.
std::uint32_t boot_id() {
    __attribute__((section(".noinit"))) static std::uint32_t boots;
    static const std::uint32_t id = ++boots;
    return id;
}

void reboot() {
    constexpr std::uint32_t kKeyAndRequest = 0x05FA0004;  // Armv7-M: AIRCR, SYSRESETREQ
    *reinterpret_cast<volatile std::uint32_t*>(0xE000ED0C) = kKeyAndRequest;
    for (;;) {
    }
}

const std::uint16_t kReceiveRing = 1024;  // as in HardwareSerial.cpp

}  // namespace vigil::board

#endif
