// Counts the instructions per sample of the QRS detector, of the segmenter about heartbeats, of the
// biquads and of the conversion of the rate, on an ECG of triangles with noise.
#include <cstdint>
#include <cstdio>

#include "beats.h"
#include "biquad.h"
#include "resample.h"

namespace {

using namespace vigil;

constexpr std::uint32_t kRate = 360;
constexpr std::size_t kFrames = 20 * kRate;
constexpr BeatConfig kConfig = {288, 108, 84,
                                1,   0,   {10, 56, 6, 18, 16, 104, 84, 120, 144, 28, 28, 252, 360}};
std::int16_t signal[kFrames];
std::int16_t filtered[kFrames];
BeatSegmenter::Storage<kConfig> storage;

// CMSDK timer 0 of the emulated core: ticks of 40 ns, and 64 ns per instruction.
volatile std::uint32_t& timer(std::uint32_t offset) {
    return *reinterpret_cast<volatile std::uint32_t*>(0x40000000 + offset);
}

struct Counter final : Segmenter::Sink {
    int beats = 0;
    void window(std::uint64_t, Span<const std::int16_t>) override { ++beats; }
    void lost(std::uint64_t, std::uint64_t) override {}
};

struct Converted final : Resampler::Sink {
    int frames = 0;
    void frame(std::uint64_t, Span<const std::int16_t>) override { ++frames; }
};

// 250 to 180 Hz, and 512 to 180 Hz.
constexpr ResamplerConfig kRates[] = {{18, 25, 24, 1, {}}, {45, 128, 46, 1, {}}};
std::int16_t rate_filter[45 * 46];
std::int16_t rate_ring[2 * 46];
std::int16_t rate_frame[1];

template <typename Work>
double instructions(Work work) {
    const std::uint32_t before = timer(4);
    work();
    return (before - timer(4)) * 40.0 / 64 / kFrames;
}

}  // namespace

int main() {
    std::uint32_t seed = 1;
    for (std::size_t i = 0; i < kFrames; ++i) {
        seed = seed * 1664525U + 1013904223U;
        const auto phase = static_cast<std::int32_t>(i % 300);
        const std::int32_t r = phase < 12 ? 20 * phase : phase < 24 ? 20 * (24 - phase) : 0;
        const std::int32_t t =
            phase > 90 && phase < 150 ? 30 - (phase > 120 ? phase - 120 : 120 - phase) : 0;
        signal[i] = static_cast<std::int16_t>(r + t + static_cast<std::int32_t>(seed >> 29));
    }
    timer(8) = timer(4) = ~0U;
    timer(0) = 1;
    Counter counter;
    Qrs qrs(kConfig.qrs, storage.memory().qrs);
    int found = 0;
    const double detector = instructions([&] {
        for (const std::int16_t sample : signal) found += qrs.push(sample) ? 1 : 0;
    });
    BeatSegmenter segmenter(kConfig, storage.memory());
    const double with_windows =
        instructions([&] { segmenter.push(0, {signal, kFrames}, counter); });
    const BiquadSection sections[] = {{268435456, -536870912, 268435456, -536000000, 267570000},
                                      {20000000, 40000000, 20000000, -300000000, 111000000}};
    BiquadState states[biquad_states(2, 1)];
    BiquadFilter filter({sections, 2}, 1, {states, biquad_states(2, 1)});
    const double biquads = instructions([&] {
        for (std::size_t i = 0; i < kFrames; ++i) filter(&signal[i], &filtered[i]);
    });
    std::printf("%d %d %.1f %.1f %.1f", found, counter.beats, detector, with_windows, biquads);
    for (ResamplerConfig config : kRates) {
        config.filter = {rate_filter, config.up * config.taps};
        Resampler resampler(config, {rate_ring, 2 * config.taps}, {rate_frame, 1});
        Converted converted;
        std::printf(" %.1f", instructions([&] { resampler.push({signal, kFrames}, converted); }));
    }
    std::printf("\n");
}
