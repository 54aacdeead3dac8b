// Prints a digest of the features of extreme windows of many shapes, one per length of the
// transform: on the host for the sanitizers, and on the board for the same bits.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <vector>

#include "feature_input.h"

#if defined(__arm__)
extern "C" {
void* __dso_handle;  // NOLINT: the bare program has none, and std::vector's exceptions name it
}
#endif

namespace {

constexpr std::size_t kBands = 2;

std::int16_t value(int shape, std::size_t t, std::size_t frames) {
    switch (shape) {
        case 0:
            return -32768;
        case 1:
            return 32767;
        case 2:
            return t % 2 == 0 ? -32768 : 32767;
        case 3:
            return t < frames / 2 ? 32767 : -32768;
        case 4:
            return t == frames / 3 ? 32767 : -32768;
        case 5:
            return static_cast<std::int16_t>((t + 1) * 2654435761U >> 16);  // noise
        default:
            return 0;
    }
}

// A transform of 2 * kValues points takes windows of any length up to that.
template <std::size_t kValues>
void print_digest() {
    using Input = vigil::FeatureInput<vigil::AffineScaler, vigil::Statistics<255>,
                                      vigil::Spectrum<kBands, kValues>>;
    const std::vector<std::int16_t> hann(2 * kValues, 16384);
    std::vector<std::int16_t> sines(3 * kValues / 2 + 1);
    for (std::size_t i = 0; i < sines.size(); ++i) {
        const double sine = std::sin(static_cast<double>(i) * 3.14159265358979 / kValues);
        sines[i] = static_cast<std::int16_t>(std::lround(32767 * sine));
    }
    const std::uint16_t edges[] = {1, 2, kValues + 1};
    std::uint32_t digest = 2166136261U;  // FNV-1a
    for (const std::size_t frames : {1U, 2U, 3U, 127U, 128U, 1000U, 4095U, 4096U}) {
        if (frames > 2 * kValues) break;
        for (const std::size_t channels : {1U, 2U, 16U}) {
            // Without rounding, a byte is the feature's upper or lower one.
            for (const std::int32_t steps : {1 << 10, 1 << 18}) {
                std::vector<vigil::AffineChannel> of_features(channels * (8 + kBands), {0, steps});
                std::vector<vigil::AffineChannel> of_window(channels, {32767, 0x7FFFFFFF});
                const Input input = {
                    {{of_window.data(), channels}, 18, 0},
                    {},
                    {{edges, {hann.data(), hann.size()}, {sines.data(), sines.size()}, 1}},
                    {{of_features.data(), of_features.size()}, 18, 0}};
                std::vector<std::int16_t> window(frames * channels);
                std::vector<std::int8_t> to(window.size() + of_features.size());
                for (int shape = 0; shape < 7; ++shape) {
                    for (std::size_t i = 0; i < window.size(); ++i) {
                        window[i] = value(shape, i / channels, frames);
                    }
                    input({window.data(), window.size()}, {to.data(), to.size()});
                    for (const std::int8_t byte : to) {
                        digest = (digest ^ static_cast<std::uint8_t>(byte)) * 16777619U;
                    }
                }
            }
        }
    }
    std::printf("%lu %08lx\n", static_cast<unsigned long>(kValues),
                static_cast<unsigned long>(digest));
}

}  // namespace

int main() {
    print_digest<2>();
    print_digest<4>();
    print_digest<32>();
    print_digest<64>();
    print_digest<2048>();
}
