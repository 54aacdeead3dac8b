// What the emulator's command line tells the board.
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "emulated.h"
#include "semihosting.h"

namespace {

// Survives a reset, but not a restart of the emulator, which fills memory with zeros.
[[gnu::section(".noinit")]] std::uint32_t starts;

// The value of `name=` on the command line (-semihosting-config arg=...), or 0.
std::uint32_t command_line_number(const char* name) {
    char text[256];
    struct {
        char* text;
        std::uint32_t size;
    } block = {text, sizeof(text)};
    if (emulated::semihost(emulated::Call::command_line, &block) != 0) {
        return 0;
    }
    const char* const found = std::strstr(text, name);
    return found == nullptr ? 0 : std::strtoul(found + std::strlen(name), nullptr, 10);
}

}  // namespace

std::uint32_t emulated_boot_id(void) {
    static std::uint32_t id = 0;
    if (id == 0) {
        // Knuth's multiplicative hash spreads the count of starts over all bits.
        starts = starts + 1;
        id = command_line_number("seed=") ^ starts * 2654435761U;
    }
    return id;
}
