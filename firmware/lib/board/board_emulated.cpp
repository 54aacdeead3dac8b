#if defined(ARDUINO_EMULATED)

#include <emulated.h>

#include "board.h"

namespace vigil::board {

// The core starts the clock and paints the stack before it calls setup().
void begin() {}

std::uint32_t counter() {
    return static_cast<std::uint32_t>(emulated_instructions());
}

const char* counter_unit() {
    return "instructions";
}

std::uint32_t counter_hz() {
    return 15625000;
}

std::uint32_t stack_size() {
    return static_cast<std::uint32_t>(emulated_stack_size());
}

std::uint32_t stack_used() {
    return static_cast<std::uint32_t>(emulated_stack_used());
}

Cache instruction_cache() {
    return Cache::absent;
}

std::uint32_t boot_id() {
    return emulated_boot_id();
}

const char* name() {
    return "emulated";
}

}  // namespace vigil::board

#endif
