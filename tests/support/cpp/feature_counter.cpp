// Counts the instructions of all statistics, and of 16 bands, of one channel of 128 frames.
#include <cstdint>
#include <cstdio>

#include "spectrum.h"
#include "statistics.h"

namespace {

constexpr std::size_t kFrames = 128;
std::int16_t window[kFrames];
std::int16_t features[16];
std::int16_t table[kFrames];  // of any values: the count does not depend on them
vigil::Complex work[kFrames / 2];

// CMSDK timer 0 of the emulated core: ticks of 40 ns, and 64 ns per instruction.
volatile std::uint32_t& timer(std::uint32_t offset) {
    return *reinterpret_cast<volatile std::uint32_t*>(0x40000000 + offset);
}

}  // namespace

int main() {
    std::uint32_t seed = 1;
    for (std::size_t i = 0; i < kFrames; ++i) {
        seed = seed * 1664525U + 1013904223U;
        window[i] = static_cast<std::int16_t>(seed >> 16);
        table[i] = static_cast<std::int16_t>(seed >> 18);
    }
    const std::uint16_t edges[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 14, 18, 23, 30, 39, 50, 65};
    const vigil::Channel channel = {window, 1, kFrames};
    timer(8) = timer(4) = ~0U;
    timer(0) = 1;
    const std::uint32_t first = timer(4);
    vigil::Statistics<255>{}(channel, {features, 8});
    const std::uint32_t second = timer(4);
    vigil::band_energies({edges, table, {table, 97}, 65536}, channel, work, features);
    const std::uint32_t third = timer(4);
    std::printf("%.0f %.0f\n", (first - second) * 40.0 / 64, (second - third) * 40.0 / 64);
}
