// Runs the features of extreme windows of many shapes, for the sanitizers.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <vector>

#include "feature_input.h"

namespace {

constexpr std::size_t kValues = 2048;
constexpr std::size_t kBands = 2;
using Input = vigil::FeatureInput<vigil::AffineScaler, vigil::Statistics<255>,
                                  vigil::Spectrum<kBands, kValues>>;

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
        default:
            return 0;
    }
}

}  // namespace

int main() {
    // The transform of 4096 points takes windows of any length up to that.
    const std::vector<std::int16_t> hann(2 * kValues, 16384);
    std::vector<std::int16_t> sines(3 * kValues / 2 + 1);
    for (std::size_t i = 0; i < sines.size(); ++i) {
        const double sine = std::sin(static_cast<double>(i) * 3.14159265358979 / kValues);
        sines[i] = static_cast<std::int16_t>(std::lround(32767 * sine));
    }
    const std::uint16_t edges[] = {1, 2, kValues + 1};
    for (const std::size_t frames : {1U, 2U, 3U, 127U, 128U, 1000U, 4095U, 4096U}) {
        for (const std::size_t channels : {1U, 2U, 16U}) {
            std::vector<vigil::AffineChannel> of_features(channels * (8 + kBands),
                                                          {-32768, 0x7FFFFFFF});
            std::vector<vigil::AffineChannel> of_window(channels, {32767, 0x7FFFFFFF});
            const Input input = {
                {{of_window.data(), channels}, 1, 0},
                {},
                {{edges, {hann.data(), hann.size()}, {sines.data(), sines.size()}, 1}},
                {{of_features.data(), of_features.size()}, 1, 0}};
            std::vector<std::int16_t> window(frames * channels);
            std::vector<std::int8_t> to(window.size() + of_features.size());
            for (int shape = 0; shape < 6; ++shape) {
                for (std::size_t i = 0; i < window.size(); ++i) {
                    window[i] = value(shape, i / channels, frames);
                }
                input({window.data(), window.size()}, {to.data(), to.size()});
            }
        }
    }
    std::puts("done");
}
