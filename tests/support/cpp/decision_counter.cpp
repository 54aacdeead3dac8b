// Counts the instructions of the decision per window: the worst of many windows.
#include <cstdint>
#include <cstdio>

#include "decision.h"

namespace {

// CMSDK timer 0 of the emulated core: ticks of 40 ns, and 64 ns per instruction.
volatile std::uint32_t& timer(std::uint32_t offset) {
    return *reinterpret_cast<volatile std::uint32_t*>(0x40000000 + offset);
}

vigil::CalibrationPoint points[64];

void count(const char* name, vigil::AlarmKind kind, std::uint8_t windows) {
    vigil::Decision<vigil::DecisionSettings> decision(
        {{{points, 64}, 1000}, {kind, windows, 1, 0.5F}, {4, 10}, 1});
    std::uint32_t seed = 1;
    std::uint32_t worst = 0;
    for (int i = 0; i < 500; ++i) {
        seed = seed * 1664525U + 1013904223U;
        const float score = static_cast<float>(seed >> 8) / 16777216.0F;
        const std::uint32_t before = timer(4);
        decision.push(score, 0.5F);
        const std::uint32_t ticks = before - timer(4);
        if (ticks > worst) worst = ticks;
    }
    std::printf("%s %d\n", name, static_cast<int>(worst * 40.0 / 64 + 0.5));
}

}  // namespace

int main() {
    for (std::uint32_t i = 0; i < 64; ++i) {
        points[i] = {static_cast<float>(i) / 64.0F, 999 - 15 * i};
    }
    timer(8) = timer(4) = ~0U;
    timer(0) = 1;
    count("mean_8", vigil::AlarmKind::mean, 8);
    count("mean_32", vigil::AlarmKind::mean, 32);
    count("count_32", vigil::AlarmKind::count, 32);
}
