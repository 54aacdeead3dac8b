// Internal to the core: reads a counter of 64 bits, of which a load takes one half.
#pragma once

#include <cstdint>

namespace emulated {

// `high` and `low` read the halves. Where the high one changes meanwhile, both are read again.
template <typename High, typename Low>
std::uint64_t read_counter(High high, Low low) {
    for (;;) {
        const std::uint32_t before = high();
        const std::uint32_t rest = low();
        if (before == high()) {
            return std::uint64_t{before} << 32U | rest;
        }
    }
}

}  // namespace emulated
