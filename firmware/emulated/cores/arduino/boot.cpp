// Reads the emulator's command line (-semihosting-config arg=NAME=VALUE).
#include "boot.h"

#include <cstdint>
#include <cstring>

#include "emulated.h"
#include "semihosting.h"

namespace {

// Kept across a reset, but not across a restart of the emulator, which clears memory.
[[gnu::section(".noinit")]] std::uint32_t starts;

// The text behind the first `name`, or nullptr. The C library's strstr() and what it calls would
// take two kilobytes of every image.
const char* after(const char* name, const char* text) {
    for (; *text != '\0'; ++text) {
        std::size_t same = 0;
        while (name[same] != '\0' && name[same] == text[same]) {
            ++same;
        }
        if (name[same] == '\0') {
            return text + same;
        }
    }
    return nullptr;
}

std::uint32_t number(const char* digits) {
    std::uint32_t value = 0;
    for (; *digits >= '0' && *digits <= '9'; ++digits) {
        value = 10 * value + static_cast<std::uint32_t>(*digits - '0');
    }
    return value;
}

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
    const char* const start = after(name, text);
    if (start == nullptr) {
        return 0;
    }
    std::size_t length = 0;
    while (start[length] != '\0' && start[length] != ' ') {
        ++length;
    }
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
        id = number(seed) ^ starts * 2654435761U;
    }
    return id;
}
