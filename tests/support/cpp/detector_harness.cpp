// A detector with an engine of known results: output = input, except for windows that begin with
// the count 99 (one output byte is wrong by one) or 100 (the engine fails).
// Reads lines `first_frame count...` from standard input and prints the listener's calls.
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "detector.h"
#include "scaler.h"
#include "score.h"

namespace vigil::engine {

Status begin() {
    return Status::ok;
}
Facts facts() {
    return {"test", 0, 0, 0};
}
const char* describe(Status) {
    return "";
}

Status run(Span<const std::int8_t> input, Span<std::int8_t> output) {
    if (input[0] == 100) return Status::failed;
    std::memcpy(output.data(), input.data(), input.size());
    if (input[0] == 99) output[1] = static_cast<std::int8_t>(output[1] + 1);
    return Status::ok;
}

}  // namespace vigil::engine

namespace {

constexpr std::size_t kWindow = 4;
std::uint32_t now = 0;

struct Printer final : vigil::DetectorListener {
    void scored(const vigil::Verdict& v) override {
        std::printf("scored %" PRIu64 " %a %d %" PRIu32 "\n", v.window,
                    static_cast<double>(v.score), v.anomaly, v.microseconds);
    }
    void lost(std::uint64_t first, std::uint64_t count) override {
        std::printf("lost %" PRIu64 " %" PRIu64 "\n", first, count);
    }
    void rejected(std::uint64_t window, vigil::GateReason reason) override {
        std::printf("rejected %" PRIu64 " %d\n", window, static_cast<int>(reason));
    }
    void failed(std::uint64_t window, vigil::engine::Status status) override {
        std::printf("failed %" PRIu64 " %d\n", window, static_cast<int>(status));
    }
};

}  // namespace

using Score = vigil::ReconstructionError<vigil::ScoreKind::mse>;

int main(int argc, char** argv) {
    const vigil::AffineChannel identity[] = {{0, 1 << 20}};
    const Score score = {1, 1, 0, 0, 1.0F / kWindow};
    std::int16_t counts[kWindow];
    std::int8_t input[kWindow];
    std::int8_t output[kWindow];
    // For the second argument "gate": a range of at least one count, and clipped above 105; else
    // whatever comes.
    const std::uint16_t range = argc > 2 ? 1 : 0;
    const std::int16_t highest = argc > 2 ? 105 : 32767;
    const vigil::GateLimits limits[] = {{0, ~0U, ~0U, ~0U, range, -32768, highest}};
    using Chain = vigil::Chain<vigil::QualityGate<false>, vigil::AffineScaler, Score>;
    vigil::Detector<Chain> detector({{kWindow, kWindow, 1},
                                     {{limits, {}}, {identity, 20, 0}, score},
                                     argc > 1 ? std::stof(argv[1]) : 0.1F},
                                    {counts, input, output}, [] { return now += 5; });

    const std::int16_t raw[] = {1, 2, 3, 4};
    const std::int8_t bytes[] = {1, 2, 3, 4};
    const std::int8_t other[] = {1, 2, 3, 5};
    const vigil::GoldenWindow golden[] = {
        {raw, vigil::hash(bytes, bytes), 0.0F},   // exact
        {raw, vigil::hash(other, bytes), 0.0F},   // another input
        {raw, vigil::hash(bytes, other), 0.0F},   // another output
        {raw, vigil::hash(bytes, bytes), -0.0F},  // another score, by one bit
    };
    const vigil::GoldenReport report = detector.check(golden, [] { return now += 7; });
    std::printf("golden %d %d %" PRIu32 "\n", report.passed, report.total, report.ticks_per_window);

    Printer printer;
    for (std::string line; std::getline(std::cin, line);) {
        std::istringstream words(line);
        std::uint64_t first = 0;
        words >> first;
        std::vector<std::int16_t> samples;
        for (std::int16_t value; words >> value;) samples.push_back(value);
        detector.push(first, {samples.data(), samples.size()}, printer);
    }
}
