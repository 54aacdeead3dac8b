// Counts the instructions of the quality gate per sample, without and with its mains test.
#include <cstdint>
#include <cstdio>
#include <initializer_list>

#include "quality_gate.h"

namespace {

constexpr std::size_t kFrames = 128;
std::int16_t window[kFrames];

// CMSDK timer 0 of the emulated core: ticks of 40 ns, and 64 ns per instruction.
volatile std::uint32_t& timer(std::uint32_t offset) {
    return *reinterpret_cast<volatile std::uint32_t*>(0x40000000 + offset);
}

}  // namespace

int main() {
    std::uint32_t seed = 1;
    for (std::int16_t& x : window) {
        seed = seed * 1664525U + 1013904223U;
        x = static_cast<std::int16_t>(seed >> 20);
    }
    const vigil::GateLimits limits[] = {{0, ~0U, ~0U, ~0U, 0, -32768, 32767}};
    const std::int16_t cosines[] = {21063, 16384};
    timer(8) = timer(4) = ~0U;
    timer(0) = 1;
    for (const std::size_t mains : {0U, 2U}) {
        const vigil::QualityGate<true> gate{{limits, 1}, {cosines, mains}};
        const std::uint32_t before = timer(4);
        const auto reason = gate({window, kFrames});
        const std::uint32_t ticks = before - timer(4);
        std::printf("%d %.1f\n", static_cast<int>(reason), ticks * 40.0 / 64 / kFrames);
    }
}
