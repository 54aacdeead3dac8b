// Reads the emulator's command line (-semihosting-config arg=NAME=VALUE).
#include "boot.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "emulated.h"
#include "semihosting.h"

namespace {

// Kept across a reset, but not across a restart of the emulator, which clears memory.
[[gnu::section(".noinit")]] std::uint32_t starts;

}  // namespace

namespace emulated {

std::size_t command_line(const char* name, char* value, std::size_t size) {
    char text[256];
    struct {
        char* text;
        std::uint32_t size;
    } block = {text, sizeof(text)};
    value[0] = '\0';
    if (semihost(Call::command_line, &block) != 0) {
        return 0;
    }
    const char* const option = std::strstr(text, name);
    if (option == nullptr) {
        return 0;
    }
    const char* const start = option + std::strlen(name);
    const std::size_t length = std::strcspn(start, " ");
    if (length >= size) {
        return 0;
    }
    std::memcpy(value, start, length);
    value[length] = '\0';
    return length;
}

bool spins() {
    static const bool answer = [] {
        char value[4];
        return command_line("spin=", value, sizeof(value)) > 0 && value[0] == '1';
    }();
    return answer;
}

}  // namespace emulated

std::uint32_t emulated_boot_id(void) {
    static std::uint32_t id = 0;
    if (id == 0) {
        char seed[16];
        emulated::command_line("seed=", seed, sizeof(seed));
        // Knuth's multiplicative hash: spreads the count of starts over all bits.
        starts = starts + 1;
        id = std::strtoul(seed, nullptr, 10) ^ starts * 2654435761U;
    }
    return id;
}
